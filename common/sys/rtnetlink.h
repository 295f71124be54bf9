// Interfaces, addresses and routes of a network namespace (rtnetlink).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/netlink.h"

namespace agena::sys {

// An interface as the kernel tells it.
struct Link {
  int index = 0;
  std::string name;
  std::string kind;   // "veth", "bridge"…; empty for hardware and loopback
  std::string alias;  // text that somebody has put on it (IFLA_IFALIAS), or empty
  std::string mac;    // "02:42:0a:00:00:05"; empty if it has none
  std::uint32_t mtu = 0;
  bool up = false;
  // Index of the other end of a veth pair (or of the lower device), in the namespace that peer_namespace_id
  // names (in this one if it is nullopt); 0 if there is none.
  int peer_index = 0;
  std::optional<std::int32_t> peer_namespace_id = {};
  int master = 0;  // index of the bridge (or other master) that it belongs to, 0 if none
};

// One end of a veth pair that is to be made.
struct VethEnd {
  std::string name;
  std::string mac = {};           // empty: the kernel chooses one
  std::optional<int> netns = {};  // descriptor of the network namespace to be born in; nullopt: the socket's
};

struct LinkAddress {
  int index = 0;  // of the interface
  IpPrefix prefix;
  // IPv6: duplicate address detection goes on (nobody can use it yet), or has found another holder.
  bool tentative = false;
  bool duplicate = false;
};

struct Route {
  IpPrefix destination;
  std::optional<IpAddress> gateway = {};
  int interface = 0;  // index; 0: none (then there must be a gateway)
  std::optional<IpAddress> source = {};
  // How far the destination is, RT_SCOPE_…: anywhere behind a gateway (0), on the link (253), on this host
  // (254). IPv4 only; the kernel finds routes with a near scope for the gateways of farther ones.
  std::uint8_t scope = 0;
  std::uint32_t metric = 0;
  bool operator==(const Route&) const = default;
};

// The bytes of "02:42:0a:00:00:05" (six, lower or upper case), and back.
Result<std::string> parse_mac(std::string_view text);
std::string mac_text(std::string_view bytes);
// Whether the kernel takes it as an interface's name: 1 to 15 bytes, no '/', ':', white space, not "." or
// "..".
bool is_interface_name(std::string_view name);

// Speaks for one network namespace: the one that it was opened in. Errors name what was to be done.
class RouteNetlink {
 public:
  static Result<RouteNetlink> open();
  static Result<RouteNetlink> open_in(int network_namespace);

  // kNotFound if there is none.
  Result<Link> link(const std::string& name);
  Result<Link> link(int index);
  Result<int> index_of(const std::string& name);
  Result<std::vector<Link>> links();

  // Makes a veth pair; both ends are down. mtu 0: the kernel's default.
  Result<> add_veth(const VethEnd& one, const VethEnd& other, std::uint32_t mtu = 0);
  Result<> set_up(int index, bool up = true);
  // The interface must be down on kernels before 6.2.
  Result<> rename(int index, const std::string& name);
  Result<> set_mtu(int index, std::uint32_t mtu);
  Result<> set_mac(int index, const std::string& mac);
  // A text of at most 255 bytes for whoever looks at the list of interfaces.
  Result<> set_alias(int index, const std::string& alias);
  // 0: it leaves its bridge.
  Result<> set_master(int index, int master);
  Result<> move_to(int index, int network_namespace);
  // kNotFound if there is none (any more).
  Result<> delete_link(int index);

  // Without duplicate detection an IPv6 address can be used at once. IPv4 gets its broadcast address.
  Result<> add_address(int index, const IpPrefix& prefix, bool detect_duplicates = true);
  Result<> delete_address(int index, const IpPrefix& prefix);
  // Of one interface, or of all with index 0; IPv4 first.
  Result<std::vector<LinkAddress>> addresses(int index = 0);
  // Waits until no IPv6 address of the interface is tentative; an error names one that others have, or that
  // is tentative still at the end of the time.
  Result<> settle_addresses(int index, Nanoseconds at_most);

  // kAlreadyExists if there is a route to it already (with this metric).
  Result<> add_route(const Route& route);
  // As add_route(), or in the place of the one that is there.
  Result<> replace_route(const Route& route);
  Result<> delete_route(const Route& route);
  // Of the main table, unicast only.
  Result<std::vector<Route>> routes();
  // Indices of the interfaces with a route that a router has told (IPv6 router advertisements), whether the
  // kernel listens to them or a program.
  Result<std::vector<int>> interfaces_with_told_routes();

  NetlinkSocket& socket() { return socket_; }

 private:
  explicit RouteNetlink(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<Link> find_link(NetlinkMessage message, const std::string& shown);
  NetlinkSocket socket_;
};

}  // namespace agena::sys
