#include "stage1/net/iptables_rules.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "common/sys/spawn.h"

namespace agena::stage1 {
namespace {

constexpr std::size_t kMostShown = 2000;
constexpr std::array kDirectories = {"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"};

// One chain of a pod, and from where it is entered.
struct ChainRow {
  std::string_view table;
  std::string_view prefix;  // the beginning of the pod's UUID follows
  std::string_view jump;
};
// Chains of one table stand together.
constexpr std::array kChains = {
    ChainRow{"nat", "RKT-PFWD-DNAT-",
             "-I PREROUTING 1 -m addrtype --dst-type LOCAL -j {}\n"
             "-I OUTPUT 1 -m addrtype --dst-type LOCAL -j {}\n"},
    ChainRow{"nat", "RKT-PFWD-SNAT-", "-I POSTROUTING 1 -j {}\n"},
    ChainRow{"raw", "RKT-PFWD-RAW-", "-I PREROUTING 1 -j {}\n"},
};
constexpr const ChainRow& kDnat = kChains[0];
constexpr const ChainRow& kSnat = kChains[1];
constexpr const ChainRow& kRaw = kChains[2];
constexpr std::array<std::string_view, 2> kTables = {"nat", "raw"};

std::string chain_name(const ChainRow& chain, const Uuid& pod) {
  return std::string(chain.prefix) + pod.str().substr(0, 8);
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what)) {
    result += text.substr(0, at);
    result += by;
    text.remove_prefix(at + what.size());
  }
  return result + std::string(text);
}

// The rules of one chain, without "-A CHAIN".
using RuleTexts = std::vector<std::string>;

std::string destination_text(const IpAddress& pod, std::optional<std::uint16_t> port) {
  if (!port) return pod.to_string();
  return fmt::format("{}:{}", pod.is_v4() ? pod.to_string() : "[" + pod.to_string() + "]", *port);
}

void add_forward(RuleTexts& rules, const schema::PortMapping& port, const IpAddress& pod) {
  const std::string place = port.host_ip && !port.host_ip->is_unspecified()
                                ? fmt::format("-d {} ", port.host_ip->to_string())
                                : std::string();
  const auto rule = [&](const std::string& ports, std::optional<std::uint16_t> pod_port) {
    rules.push_back(fmt::format("{}-p {} --dport {} -j DNAT --to-destination {}", place, port.protocol, ports,
                                destination_text(pod, pod_port)));
  };
  const unsigned last = port.host_port + port.count - 1U;
  if (port.host_port == port.pod_port) return rule(fmt::format("{}:{}", port.host_port, last), std::nullopt);
  for (unsigned i = 0; i < port.count; ++i)
    rule(fmt::format("{}", port.host_port + i), static_cast<std::uint16_t>(port.pod_port + i));
}

RuleTexts dnat_rules(const PodRules& rules, bool v4) {
  RuleTexts texts;
  const auto& pod = v4 ? rules.target.v4 : rules.target.v6;
  if (!pod || rules.ports.empty()) return texts;
  // As in pod_rules.cc.
  if (!v4) texts.emplace_back("-d ::1/128 -j RETURN");
  for (const schema::PortMapping& port : rules.ports)
    if (schema::is_for(port, v4)) add_forward(texts, port, pod->address);
  return texts;
}

RuleTexts snat_rules(const PodRules& rules, bool v4) {
  RuleTexts texts;
  for (const IpPrefix& pod : rules.masquerade) {
    if (pod.address.is_v4() != v4) continue;
    const std::string source = pod.address.to_string();
    texts.push_back(fmt::format("-s {} -d {} -j RETURN", source, pod.masked().to_string()));
    texts.push_back(fmt::format("-s {} ! -d {} -j MASQUERADE", source, v4 ? "224.0.0.0/4" : "ff00::/8"));
  }
  const auto& pod = v4 ? rules.target.v4 : rules.target.v6;
  if (!pod || rules.ports.empty()) return texts;
  std::vector<std::string> sources = {pod->masked().to_string()};
  if (v4) sources.emplace_back("127.0.0.0/8");
  RuleTexts returns;
  for (const std::string& source : sources)
    returns.push_back(fmt::format("-s {} -d {} -m conntrack --ctstate DNAT -j MASQUERADE", source,
                                  pod->address.to_string()));
  // Before the network's own return.
  returns.insert(returns.end(), texts.begin(), texts.end());
  return returns;
}

RuleTexts raw_rules(const PodRules& rules, bool v4) {
  if (!v4 || !rules.guards_loopback()) return {};
  return {"! -i lo -d 127.0.0.0/8 -j DROP", "! -i lo -s 127.0.0.0/8 -j DROP"};
}

std::string chain_text(const ChainRow& chain, const Uuid& pod, const RuleTexts& rules) {
  if (rules.empty()) return {};
  const std::string name = chain_name(chain, pod);
  std::string text = fmt::format(":{} - [0:0]\n", name);
  for (const std::string& rule : rules) text += fmt::format("-A {} {}\n", name, rule);
  return text + replaced(chain.jump, "{}", name);
}

std::string table_text(std::string_view table, const std::string& chains) {
  return chains.empty() ? std::string() : fmt::format("*{}\n{}COMMIT\n", table, chains);
}

// --- the programs ---

Result<std::string> find_program(const std::string& name) {
  for (const char* directory : kDirectories) {
    const std::string path = fmt::format("{}/{}", directory, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(ErrorKind::kUnsupported, "the kernel has no nf_tables, and there is no program '{}'", name);
}

Result<sys::UniqueFd> memory_file(std::string_view content) {
  sys::UniqueFd file(::memfd_create("iptables", MFD_CLOEXEC));
  if (!file) return sys_fail("creating a file in memory");
  TRY(sys::write_all(file.get(), content));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return sys_fail("rewinding a file in memory");
  return file;
}

Result<std::string> content_of(const sys::UniqueFd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return sys_fail("rewinding a file in memory");
  return sys::read_all(file.get());
}

// What it prints; an error with what it says otherwise if it fails.
Result<std::string> run(const std::string& name, const std::vector<std::string>& arguments,
                        std::string_view input) {
  const std::string path = TRY(find_program(name));
  const sys::UniqueFd in = TRY(memory_file(input));
  const sys::UniqueFd out = TRY(memory_file({}));
  const sys::UniqueFd complaints = TRY(memory_file({}));
  sys::SpawnPlan plan;
  plan.path = path;
  plan.argv = {path};
  plan.fds = {{in.get(), 0}, {out.get(), 1}, {complaints.get(), 2}};
  plan.argv.insert(plan.argv.end(), arguments.begin(), arguments.end());
  sys::Child child = TRY(sys::spawn(plan));
  const sys::ExitStatus status = TRY(child.wait());
  if (status.success()) return content_of(out);
  const std::string text = TRY(content_of(complaints));
  return fail(ErrorKind::kSystem, "{}: {}", name, printable(trim(utf8_prefix(text, kMostShown))));
}

std::string program(bool v4, std::string_view suffix) {
  return fmt::format("{}-{}", v4 ? "iptables" : "ip6tables", suffix);
}

// What undoes the rules of a pod, from what there is: "iptables-save" of one table in, "iptables-restore"
// out.
std::string removal(const Uuid& pod, std::string_view table, std::string_view saved) {
  std::string jumps;
  std::string chains;
  for (const std::string& line : split(saved, '\n'))
    for (const ChainRow& chain : kChains) {
      const std::string name = chain_name(chain, pod);
      if (line.starts_with(":" + name + " ")) chains += fmt::format("-F {0}\n-X {0}\n", name);
      if (line.starts_with("-A ") && line.ends_with(" -j " + name)) jumps += "-D" + line.substr(2) + "\n";
    }
  return table_text(table, jumps + chains);
}

Result<> remove_version(const Uuid& pod, bool v4) {
  for (const std::string_view table : kTables) {
    const auto saved = run(program(v4, "save"), {"-t", std::string(table)}, {});
    // A table that cannot be had holds nothing, and nobody can have written with a program that is missing.
    if (!saved) continue;
    const std::string text = removal(pod, table, *saved);
    if (!text.empty()) TRY(run(program(v4, "restore"), {"--noflush", "--wait", "30"}, text));
  }
  return {};
}

}  // namespace

std::string iptables_text(const Uuid& pod, const PodRules& rules, bool v4) {
  return table_text("nat", chain_text(kDnat, pod, dnat_rules(rules, v4)) +
                               chain_text(kSnat, pod, snat_rules(rules, v4))) +
         table_text("raw", chain_text(kRaw, pod, raw_rules(rules, v4)));
}

Result<> install_with_iptables(const Uuid& pod, const PodRules& rules) {
  TRY(remove_with_iptables(pod));
  for (const bool v4 : {true, false}) {
    const std::string text = iptables_text(pod, rules, v4);
    if (text.empty()) continue;
    auto done = run(program(v4, "restore"), {"--noflush", "--wait", "30"}, text);
    if (done) continue;
    (void)remove_with_iptables(pod);
    return std::unexpected(std::move(done).error());
  }
  return {};
}

Result<> remove_with_iptables(const Uuid& pod) {
  ErrorList errors;
  for (const bool v4 : {true, false}) errors.add_if(remove_version(pod, v4));
  return errors.to_result();
}

}  // namespace agena::stage1
