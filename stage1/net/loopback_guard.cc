#include "stage1/net/loopback_guard.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/sys/fs.h"
#include "common/sys/rtnetlink.h"
#include "stage1/net/nf_tables.h"

namespace agena::stage1 {
namespace {

constexpr std::string_view kGuard = "agena-local";
// The priority that nft(8) calls raw: before addresses are translated back.
constexpr NftHook kRaw = {"filter", NF_INET_PRE_ROUTING, -300};

// The interface that an address on a network of this host is reached by; 0 if it is reached through a
// gateway.
Result<int> interface_towards(sys::RouteNetlink& routes, const IpAddress& address) {
  sys::NetlinkMessage question(RTM_GETROUTE);
  rtmsg asked{};
  asked.rtm_family = static_cast<unsigned char>(address.family());
  asked.rtm_dst_len = static_cast<unsigned char>(address.bits());
  question.fixed(asked);
  question.address(RTA_DST, address);
  const sys::NetlinkReply reply = TRY(routes.socket().get(std::move(question)));
  const sys::NetlinkAttributes attributes = reply.attributes(sizeof(rtmsg));
  if (attributes.has(RTA_GATEWAY) || attributes.has(RTA_VIA)) return 0;
  return attributes.number<int>(RTA_OIF).value_or(0);
}

Result<> write_setting(const std::string& interface, std::string_view value) {
  const std::string setting = fmt::format("/proc/sys/net/ipv4/conf/{}/route_localnet", interface);
  const sys::UniqueFd file = TRY(sys::open_at(sys::at_cwd(), setting, O_WRONLY));
  TRY_CTX(sys::write_all(file.get(), value), "writing '{}'", setting);
  return {};
}

Result<bool> is_set(const std::string& interface) {
  return TRY(sys::read_file(sys::at_cwd(),
                            fmt::format("/proc/sys/net/ipv4/conf/{}/route_localnet", interface)))
      .starts_with('1');
}

// A chain for each bridge, with its name.
Result<> guard(sys::NetlinkSocket& socket, const std::string& bridge) {
  NftTable table{std::string(kGuard)};
  table.add_chain(bridge, kRaw);
  const IpPrefix loopback = *IpPrefix::parse("127.0.0.0/8");
  table.add_rule(bridge, NftRule().from_interface(bridge).destination(loopback).drop());
  table.add_rule(bridge, NftRule().from_interface(bridge).source(loopback).drop());
  return table.add_to(socket);
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Result<> open_bridge(const std::string& bridge) {
  auto socket = TRY(open_nf_tables());
  // Who has set it otherwise keeps it as it is.
  const auto tables = TRY(list_tables(socket)).tables;
  const bool guarded = has(tables, kGuard) && has(TRY(list_chains(socket, std::string(kGuard))), bridge);
  if (!guarded && TRY(is_set(bridge))) return {};
  TRY(guard(socket, bridge));
  return write_setting(bridge, "1\n");
}

bool is_of_pod(const std::string& table) { return table.starts_with(kPodTables) && table != kGuard; }

}  // namespace

Result<> route_local_addresses(const ForwardTarget& target) {
  if (!target.v4) return {};
  auto routes = TRY(sys::RouteNetlink::open());
  const int index = TRY(interface_towards(routes, target.v4->address));
  if (index == 0) return {};
  const sys::Link link = TRY(routes.link(index));
  if (link.kind == "bridge") return open_bridge(link.name);
  return link.kind == "veth" ? write_setting(link.name, "1\n") : Result<>();
}

Result<> end_loopback_guard(sys::NetlinkSocket& socket) {
  constexpr int kAttempts = 100;
  std::vector<std::string> bridges;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const NftListing there = TRY(list_tables(socket));
    if (!has(there.tables, kGuard)) return {};
    if (std::ranges::any_of(there.tables, is_of_pod)) {
      // Of one that has come since, perhaps for one of these bridges.
      for (const std::string& bridge : bridges) (void)write_setting(bridge, "1\n");
      return {};
    }
    bridges = TRY(list_chains(socket, std::string(kGuard)));
    for (const std::string& bridge : bridges)
      if (const auto reset = write_setting(bridge, "0\n"); !reset)
        log::debug("{}", reset.error().to_string());  // it is gone
    auto removed = remove_unchanged(socket, std::string(kGuard), there.generation);
    if (removed || removed.error().kind() != ErrorKind::kBusy) return removed;
  }
  return fail(ErrorKind::kBusy, "rules are changed all the time; the guard stays");
}

}  // namespace agena::stage1
