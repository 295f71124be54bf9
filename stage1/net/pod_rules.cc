#include "stage1/net/pod_rules.h"

// The kernel's headers leave out what they find declared.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <sys/utsname.h>

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/sys/late_close.h"
#include "stage1/net/iptables_rules.h"
#include "stage1/net/loopback_guard.h"
#include "stage1/net/nf_tables.h"

namespace agena::stage1 {
namespace {

struct ProtocolRow {
  std::string_view name;
  std::uint8_t number;
};
constexpr std::array kProtocols = {ProtocolRow{"sctp", IPPROTO_SCTP}, ProtocolRow{"tcp", IPPROTO_TCP},
                                   ProtocolRow{"udp", IPPROTO_UDP}};
static_assert(sorted_by_name(kProtocols));

// The priorities that nft(8) calls dstnat, srcnat and raw.
constexpr NftHook kPrerouting = {"nat", NF_INET_PRE_ROUTING, -100};
constexpr NftHook kOutput = {"nat", NF_INET_LOCAL_OUT, -100};
constexpr NftHook kPostrouting = {"nat", NF_INET_POST_ROUTING, 100};
constexpr NftHook kRaw = {"filter", NF_INET_PRE_ROUTING, -300};
constexpr std::string_view kPorts = "ports";

IpPrefix prefix_of(const char* text) { return *IpPrefix::parse(text); }

std::string table_name(const Uuid& pod) { return std::string(kPodTables) + pod.str(); }

const std::optional<IpPrefix>& address_of(const ForwardTarget& target, bool v4) {
  return v4 ? target.v4 : target.v6;
}

// One mapping for one version of IP.
void add_forward(NftTable& table, const schema::PortMapping& port, const IpAddress& pod) {
  const auto rule = [&](std::uint16_t first, std::uint16_t last, std::uint16_t pod_port) {
    NftRule one;
    if (port.host_ip && !port.host_ip->is_unspecified())
      one.destination(IpPrefix::host(*port.host_ip));
    else
      one.version(pod.is_v4());
    one.protocol(find_by_name(kProtocols, port.protocol)->number).destination_port(first, last);
    table.add_rule(kPorts, one.forward_to(pod, pod_port));
  };
  const auto last = static_cast<std::uint16_t>(port.host_port + port.count - 1);
  if (port.host_port == port.pod_port) return rule(port.host_port, last, 0);
  for (unsigned i = 0; i < port.count; ++i) {
    const auto host_port = static_cast<std::uint16_t>(port.host_port + i);
    rule(host_port, host_port, static_cast<std::uint16_t>(port.pod_port + i));
  }
}

// Connections whose answers would not pass the host, or would go to an address that means something else to
// the pod: the host stands in for who opened them.
void add_returns(NftTable& table, const IpPrefix& pod) {
  std::vector<IpPrefix> sources = {pod.masked()};
  if (pod.address.is_v4()) sources.push_back(prefix_of("127.0.0.0/8"));
  for (const IpPrefix& source : sources)
    table.add_rule(
        "postrouting",
        NftRule().source(source).destination(IpPrefix::host(pod.address)).was_forwarded().masquerade());
}

void add_ports(NftTable& table, const PodRules& rules) {
  table.add_chain(kPorts);
  for (const bool v4 : {true, false}) {
    const auto& pod = address_of(rules.target, v4);
    if (!pod) continue;
    // IPv6 has no route_localnet: answers for ::1 never come back. Refused, clients go on to 127.0.0.1.
    if (!v4) table.add_rule(kPorts, NftRule().destination(prefix_of("::1/128")).leave());
    for (const schema::PortMapping& port : rules.ports)
      if (schema::is_for(port, v4)) add_forward(table, port, pod->address);
    add_returns(table, *pod);
  }
  table.add_chain("prerouting", kPrerouting);
  table.add_rule("prerouting", NftRule().destination_is_local().jump(kPorts));
  table.add_chain("output", kOutput);
  table.add_rule("output", NftRule().destination_is_local().jump(kPorts));
}

// route_localnet lets packets for 127.0.0.0/8, and such that say they come from there, in from the pod's
// side; none of them is meant well.
void add_loopback_guard(NftTable& table) {
  const IpPrefix loopback = prefix_of("127.0.0.0/8");
  table.add_chain("local", kRaw);
  table.add_rule("local", NftRule().not_from_interface("lo").destination(loopback).drop());
  table.add_rule("local", NftRule().not_from_interface("lo").source(loopback).drop());
}

void add_masquerade(NftTable& table, const IpPrefix& pod) {
  const IpPrefix multicast = prefix_of(pod.address.is_v4() ? "224.0.0.0/4" : "ff00::/8");
  table.add_rule("postrouting", NftRule()
                                    .source(IpPrefix::host(pod.address))
                                    .destination_not(pod.masked())
                                    .destination_not(multicast)
                                    .masquerade());
}

NftTable table_of(const Uuid& pod, const PodRules& rules) {
  NftTable table(table_name(pod));
  table.add_chain("postrouting", kPostrouting);
  for (const IpPrefix& prefix : rules.masquerade) add_masquerade(table, prefix);
  if (!rules.ports.empty()) add_ports(table, rules);
  if (rules.guards_loopback()) add_loopback_guard(table);
  return table;
}

// Before Linux 5.2 nf_tables may be there and cannot do what the rules need: then iptables has written them.
// The programs are too slow to be asked in vain at the end of each pod.
bool is_old_kernel() {
  constexpr std::array kFirstGood = {5U, 2U};
  utsname system{};
  if (::uname(&system) != 0) return false;
  const Cut parts = cut(system.release, '.');
  std::array version = {0U, 0U};
  std::from_chars(parts.before.data(), parts.before.data() + parts.before.size(), version[0]);
  std::from_chars(parts.after.data(), parts.after.data() + parts.after.size(), version[1]);
  return version < kFirstGood;
}

// After a transaction that deletes, closing the socket waits until the kernel has freed what was deleted
// (RCU, 7 to 16 ms): that is left to the kernel alone.
Result<> remove_rules(sys::NetlinkSocket socket, const Uuid& pod) {
  const auto closer = sys::hold_for_late_close(std::array{socket.fd()});
  sys::NetlinkSocket own = std::move(socket);  // ends before it
  const auto removed = NftTable::remove(own, table_name(pod));
  if (const auto ended = end_loopback_guard(own); !ended)
    log::debug("guarding the host's loopback: {}", ended.error().to_string());
  if (removed) return {};
  const ErrorKind kind = removed.error().kind();
  if (kind == ErrorKind::kUnsupported || (kind == ErrorKind::kNotFound && is_old_kernel()))
    return remove_with_iptables(pod);
  return kind == ErrorKind::kNotFound ? Result<>() : removed;
}

}  // namespace

Result<> InstalledRules::install(const PodRules& rules) {
  if (rules.empty()) return remove();
  const auto put = [&]() -> Result<> {
    if (!socket_) socket_ = TRY(open_nf_tables());
    return table_of(pod_, rules).put(*socket_);
  };
  auto written = put();
  if (written || written.error().kind() != ErrorKind::kUnsupported) return written;
  log::debug("{}; using iptables", written.error().to_string());
  by_iptables_ = true;
  return install_with_iptables(pod_, rules);
}

Result<> InstalledRules::remove() {
  if (by_iptables_) return remove_with_iptables(pod_);
  if (!socket_) return {};
  auto socket = *std::exchange(socket_, std::nullopt);
  return remove_rules(std::move(socket), pod_);
}

Result<> remove_pod_rules(const Uuid& pod) {
  auto socket = open_nf_tables();
  if (socket) return remove_rules(*std::move(socket), pod);
  return socket.error().kind() == ErrorKind::kUnsupported ? remove_with_iptables(pod)
                                                          : std::unexpected(std::move(socket).error());
}

}  // namespace agena::stage1
