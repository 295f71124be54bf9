#include "stage1/net/reservations.h"

#include <fcntl.h>

#include <cerrno>

#include <string>
#include <utility>
#include <vector>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"

namespace agena::stage1 {
namespace {

constexpr const char* kDefaultDataDir = "/var/lib/cni/networks";
// "ID\r\nINTERFACE".
constexpr std::size_t kMostBytes = 4096;

// What the IPAM plugin of a configuration may have given to the pod.
struct Ipam {
  std::string reservations;          // host-local's directory; empty: it is another plugin
  std::vector<IpPrefix> configured;  // static's addresses
};

Ipam ipam_of(const NetConf& conf, const PluginConf& plugin) {
  Ipam ipam;
  const auto root = json_text::parse(plugin.text);
  if (!root) return ipam;
  JsonProblems problems("plugin");
  const JsonNode node(*root, problems);
  const auto member = node.find("ipam");
  if (!member || !member->is_object()) return ipam;
  const auto text_of = [](const JsonNode& object, std::string_view key) -> std::string {
    const auto found = object.find(key);
    return found ? found->as_string().value_or("") : "";
  };
  const std::string type = text_of(*member, "type");
  if (type == "host-local") {
    const std::string data_dir = text_of(*member, "dataDir");
    ipam.reservations = (data_dir.empty() ? kDefaultDataDir : data_dir) + "/" + conf.name;
  }
  const auto addresses = type == "static" ? member->find("addresses") : std::nullopt;
  if (addresses)
    addresses->each([&](const JsonNode& one) {
      if (!one.is_object()) return;
      if (const auto address = IpPrefix::parse(text_of(one, "address"))) ipam.configured.push_back(*address);
    });
  return ipam;
}

// Whether the file is a reservation of the pod's interface. Old ones have the pod's id only.
bool is_own(const sys::DirFd& dir, const std::string& name, const Attachment& attachment) {
  const auto text = sys::read_file(dir, name, kMostBytes);
  if (!text) return false;
  const Cut lines = cut(*text, '\n');
  if (trim(lines.before) != attachment.container_id) return false;
  return !lines.found || trim(lines.after) == attachment.interface;
}

void add_reservations(const std::string& path, const Attachment& attachment,
                      std::vector<IpPrefix>& addresses) {
  const auto dir = sys::open_dir(path);
  if (!dir) return;
  const auto names = sys::list_dir(*dir);
  if (!names) return;
  for (const std::string& name : *names) {
    const auto address = IpAddress::parse(name);
    if (address && is_own(*dir, name, attachment)) addresses.push_back(IpPrefix::host(*address));
  }
}

std::vector<IpPrefix> reserved_addresses(const Attachment& attachment) {
  std::vector<IpPrefix> addresses;
  for (const PluginConf& plugin : attachment.conf.plugins) {
    const Ipam ipam = ipam_of(attachment.conf, plugin);
    if (!ipam.reservations.empty()) add_reservations(ipam.reservations, attachment, addresses);
    addresses.insert(addresses.end(), ipam.configured.begin(), ipam.configured.end());
  }
  return addresses;
}

// The plugin holds the lock for milliseconds; whoever has it longer is stuck.
constexpr Nanoseconds kLockPatience = 60 * kSecond;

Result<> free_reservations_in(const std::string& network, const std::string& container_id) {
  const std::string path = std::string(kDefaultDataDir) + "/" + network;
  const auto opened = sys::open_dir(path);
  // Somebody's file beside the networks, or a network that has just gone.
  if (!opened && (opened.error().sys_errno() == ENOTDIR || opened.error().sys_errno() == ENOENT)) return {};
  if (!opened) return std::unexpected(opened.error());
  const sys::DirFd& dir = *opened;
  auto lock_file = sys::open_at(dir, "lock", O_RDONLY);
  if (!lock_file) return {};  // nothing of host-local's
  const auto lock =
      TRY_CTX(sys::FileLock::wait_at_most(*std::move(lock_file), sys::LockMode::kExclusive, kLockPatience),
              "locking '{}/lock'", path);
  for (const std::string& name : TRY(sys::list_dir(dir))) {
    if (!IpAddress::parse(name)) continue;
    const auto text = sys::read_file(dir, name, kMostBytes);
    if (text && trim(cut(*text, '\n').before) == container_id) TRY(sys::remove_file(dir, name));
  }
  return {};
}

}  // namespace

Result<> free_all_reservations(const std::string& container_id) {
  const auto networks = sys::list_dir(sys::at_cwd(), kDefaultDataDir);
  if (!networks && networks.error().kind() == ErrorKind::kNotFound) return {};
  if (!networks) return std::unexpected(networks.error());
  ErrorList errors;
  for (const std::string& network : *networks) errors.add_if(free_reservations_in(network, container_id));
  return errors.to_result();
}

std::optional<CniResult> result_of_reservations(const Attachment& attachment) {
  CniResult result;
  for (const IpPrefix& address : reserved_addresses(attachment))
    result.ips.push_back({.address = address, .interface = 0});
  if (result.ips.empty()) return std::nullopt;
  // Any path will do: it tells only that the interface is not the host's.
  result.interfaces.push_back({.name = attachment.interface, .mac = {}, .sandbox = "/proc/self/ns/net"});
  return result;
}

bool has_reservations(const Attachment& attachment) {
  std::vector<IpPrefix> addresses;
  for (const PluginConf& plugin : attachment.conf.plugins)
    if (const Ipam ipam = ipam_of(attachment.conf, plugin); !ipam.reservations.empty())
      add_reservations(ipam.reservations, attachment, addresses);
  return !addresses.empty();
}

}  // namespace agena::stage1
