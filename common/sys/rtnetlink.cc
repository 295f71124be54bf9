#include "common/sys/rtnetlink.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/strings.h"

namespace agena::sys {
namespace {

constexpr std::size_t kMacBytes = 6;
// How often addresses are looked at while duplicate detection goes on.
constexpr int kSettleMilliseconds = 10;

NetlinkMessage link_message(std::uint16_t type, int index, std::uint16_t flags = 0) {
  NetlinkMessage message(type, flags);
  ifinfomsg info{};
  info.ifi_family = AF_UNSPEC;
  info.ifi_index = index;
  message.fixed(info);
  return message;
}

Link read_link(const NetlinkReply& reply) {
  const auto info = reply.fixed<ifinfomsg>();
  const auto attributes = reply.attributes(sizeof info);
  Link link;
  link.index = info.ifi_index;
  link.name = attributes.text(IFLA_IFNAME);
  link.kind = attributes.nest(IFLA_LINKINFO).text(IFLA_INFO_KIND);
  link.alias = attributes.text(IFLA_IFALIAS);
  link.mac = mac_text(attributes.bytes(IFLA_ADDRESS));
  link.mtu = attributes.number<std::uint32_t>(IFLA_MTU).value_or(0);
  link.up = (info.ifi_flags & static_cast<unsigned>(IFF_UP)) != 0;
  link.peer_index = attributes.number<std::int32_t>(IFLA_LINK).value_or(0);
  link.peer_namespace_id = attributes.number<std::int32_t>(IFLA_LINK_NETNSID);
  link.master = attributes.number<std::int32_t>(IFLA_MASTER).value_or(0);
  return link;
}

Result<> add_end(NetlinkMessage& message, const VethEnd& end) {
  if (!is_interface_name(end.name))
    return fail(ErrorKind::kInvalidInput, "'{}' cannot be an interface's name", printable(end.name));
  message.text(IFLA_IFNAME, end.name);
  if (!end.mac.empty()) message.attribute(IFLA_ADDRESS, TRY(parse_mac(end.mac)));
  if (end.netns) message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(*end.netns));
  return {};
}

NetlinkMessage address_message(std::uint16_t type, int index, const IpPrefix& prefix,
                               std::uint16_t flags = 0) {
  NetlinkMessage message(type, flags);
  ifaddrmsg info{};
  info.ifa_family = static_cast<std::uint8_t>(prefix.address.family());
  info.ifa_prefixlen = static_cast<std::uint8_t>(prefix.length);
  info.ifa_index = static_cast<std::uint32_t>(index);
  message.fixed(info).address(IFA_LOCAL, prefix.address).address(IFA_ADDRESS, prefix.address);
  return message;
}

Result<NetlinkMessage> route_message(std::uint16_t type, const Route& route, std::uint16_t flags = 0) {
  const IpAddress& destination = route.destination.address;
  for (const auto& other : {route.gateway, route.source})
    if (other && other->is_v4() != destination.is_v4())
      return fail(ErrorKind::kInvalidInput, "{} is of another IP version than the route", other->to_string());
  NetlinkMessage message(type, flags);
  rtmsg info{};
  info.rtm_family = static_cast<std::uint8_t>(destination.family());
  info.rtm_dst_len = static_cast<std::uint8_t>(route.destination.length);
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_BOOT;
  if (destination.is_v4()) info.rtm_scope = route.scope;
  if (type == RTM_DELROUTE) {
    // Whoever made it, and of whatever scope.
    info.rtm_scope = RT_SCOPE_NOWHERE;
    info.rtm_protocol = RTPROT_UNSPEC;
  }
  info.rtm_type = RTN_UNICAST;
  message.fixed(info);
  if (route.destination.length > 0) message.address(RTA_DST, route.destination.network());
  if (route.gateway) message.address(RTA_GATEWAY, *route.gateway);
  if (route.interface != 0) message.u32(RTA_OIF, static_cast<std::uint32_t>(route.interface));
  if (route.source) message.address(RTA_PREFSRC, *route.source);
  if (route.metric != 0) message.u32(RTA_PRIORITY, route.metric);
  return message;
}

std::optional<Route> read_route(const NetlinkReply& reply) {
  const auto info = reply.fixed<rtmsg>();
  const auto attributes = reply.attributes(sizeof info);
  const std::uint32_t table = attributes.number<std::uint32_t>(RTA_TABLE).value_or(info.rtm_table);
  if (table != RT_TABLE_MAIN || info.rtm_type != RTN_UNICAST || (info.rtm_flags & RTM_F_CLONED) != 0)
    return std::nullopt;
  if (info.rtm_family != AF_INET && info.rtm_family != AF_INET6) return std::nullopt;
  Route route;
  const IpAddress none = info.rtm_family == AF_INET ? IpAddress() : IpAddress::v6({});
  route.destination = {attributes.address(RTA_DST).value_or(none), info.rtm_dst_len};
  route.gateway = attributes.address(RTA_GATEWAY);
  route.interface = attributes.number<std::int32_t>(RTA_OIF).value_or(0);
  route.source = attributes.address(RTA_PREFSRC);
  if (info.rtm_family == AF_INET) route.scope = info.rtm_scope;
  route.metric = attributes.number<std::uint32_t>(RTA_PRIORITY).value_or(0);
  return route;
}

// The kernel's word for an interface that is not there.
bool is_gone(const Error& error) { return error.sys_errno() == ENODEV; }

}  // namespace

Result<std::string> parse_mac(std::string_view text) {
  std::string bytes;
  for (const std::string& part : split(text, ':')) {
    const auto byte = part.size() == 2 ? from_hex(to_lower(part)) : Result<std::string>(std::string());
    if (!byte || byte->size() != 1)
      return fail(ErrorKind::kInvalidInput, "'{}' is not a hardware address",
                  printable(utf8_prefix(text, 64)));
    bytes += *byte;
  }
  if (bytes.size() != kMacBytes)
    return fail(ErrorKind::kInvalidInput, "'{}' is not a hardware address", printable(utf8_prefix(text, 64)));
  return bytes;
}

std::string mac_text(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes)
    text += fmt::format("{}{:02x}", text.empty() ? "" : ":", static_cast<std::uint8_t>(byte));
  return text;
}

bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::ranges::none_of(
             name,
             [](char c) {
               return c == '/' || c == ':' || c == '\0' || c == ' ' || (c >= '\t' && c <= '\r') ||
                      c == '\xa0';
             });
}

Result<RouteNetlink> RouteNetlink::open() { return RouteNetlink(TRY(NetlinkSocket::open(NETLINK_ROUTE))); }

Result<RouteNetlink> RouteNetlink::open_in(int network_namespace) {
  return RouteNetlink(TRY(NetlinkSocket::open_in(network_namespace, NETLINK_ROUTE)));
}

Result<Link> RouteNetlink::find_link(NetlinkMessage message, const std::string& shown) {
  auto reply = socket_.get(std::move(message));
  if (!reply && is_gone(reply.error())) return fail(ErrorKind::kNotFound, "there is no interface {}", shown);
  if (!reply) return std::unexpected(std::move(reply).error().with_context("looking for interface " + shown));
  return read_link(*reply);
}

Result<Link> RouteNetlink::link(const std::string& name) {
  if (!is_interface_name(name))
    return fail(ErrorKind::kNotFound, "there is no interface '{}'", printable(name));
  auto message = link_message(RTM_GETLINK, 0);
  message.text(IFLA_IFNAME, name);
  return find_link(std::move(message), "'" + printable(name) + "'");
}

Result<Link> RouteNetlink::link(int index) {
  return find_link(link_message(RTM_GETLINK, index), fmt::format("number {}", index));
}

Result<int> RouteNetlink::index_of(const std::string& name) { return TRY(link(name)).index; }

Result<std::vector<Link>> RouteNetlink::links() {
  std::vector<Link> links;
  for (const NetlinkReply& reply : TRY_CTX(socket_.dump(link_message(RTM_GETLINK, 0)), "listing interfaces"))
    if (reply.type == RTM_NEWLINK) links.push_back(read_link(reply));
  return links;
}

Result<> RouteNetlink::add_veth(const VethEnd& one, const VethEnd& other, std::uint32_t mtu) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.fixed(ifinfomsg{});
  TRY(add_end(message, one));
  if (mtu != 0) message.u32(IFLA_MTU, mtu);
  Result<> filled;
  message.nest(IFLA_LINKINFO, [&](NetlinkMessage& info) {
    info.attribute(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, [&](NetlinkMessage& data) {
      data.nest(VETH_INFO_PEER, [&](NetlinkMessage& peer) {
        peer.fixed(ifinfomsg{});
        filled = add_end(peer, other);
        if (mtu != 0) peer.u32(IFLA_MTU, mtu);
      });
    });
  });
  TRY(std::move(filled));
  TRY_CTX(socket_.request(std::move(message)), "making the pair of interfaces '{}' and '{}'", one.name,
          other.name);
  return {};
}

Result<> RouteNetlink::set_up(int index, bool up) {
  NetlinkMessage message(RTM_NEWLINK);
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_change = IFF_UP;
  info.ifi_flags = up ? static_cast<unsigned>(IFF_UP) : 0U;
  message.fixed(info);
  TRY_CTX(socket_.request(std::move(message)), "setting interface number {} {}", index, up ? "up" : "down");
  return {};
}

Result<> RouteNetlink::rename(int index, const std::string& name) {
  if (!is_interface_name(name))
    return fail(ErrorKind::kInvalidInput, "'{}' cannot be an interface's name", printable(name));
  auto message = link_message(RTM_NEWLINK, index);
  message.text(IFLA_IFNAME, name);
  TRY_CTX(socket_.request(std::move(message)), "renaming interface number {} to '{}'", index, name);
  return {};
}

Result<> RouteNetlink::set_mtu(int index, std::uint32_t mtu) {
  auto message = link_message(RTM_NEWLINK, index);
  message.u32(IFLA_MTU, mtu);
  TRY_CTX(socket_.request(std::move(message)), "setting the MTU of interface number {} to {}", index, mtu);
  return {};
}

Result<> RouteNetlink::set_mac(int index, const std::string& mac) {
  auto message = link_message(RTM_NEWLINK, index);
  message.attribute(IFLA_ADDRESS, TRY(parse_mac(mac)));
  TRY_CTX(socket_.request(std::move(message)), "setting the hardware address of interface number {} to {}",
          index, mac);
  return {};
}

Result<> RouteNetlink::set_alias(int index, const std::string& alias) {
  auto message = link_message(RTM_NEWLINK, index);
  message.attribute(IFLA_IFALIAS, alias);
  TRY_CTX(socket_.request(std::move(message)), "putting the alias '{}' on interface number {}",
          printable(alias), index);
  return {};
}

Result<> RouteNetlink::set_master(int index, int master) {
  auto message = link_message(RTM_NEWLINK, index);
  message.u32(IFLA_MASTER, static_cast<std::uint32_t>(master));
  TRY_CTX(socket_.request(std::move(message)), "giving interface number {} the master number {}", index,
          master);
  return {};
}

Result<> RouteNetlink::move_to(int index, int network_namespace) {
  auto message = link_message(RTM_NEWLINK, index);
  message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(network_namespace));
  TRY_CTX(socket_.request(std::move(message)), "moving interface number {} to another network namespace",
          index);
  return {};
}

Result<> RouteNetlink::delete_link(int index) {
  auto deleted = socket_.request(link_message(RTM_DELLINK, index));
  if (!deleted && is_gone(deleted.error()))
    return fail(ErrorKind::kNotFound, "there is no interface number {}", index);
  TRY_CTX(std::move(deleted), "deleting interface number {}", index);
  return {};
}

Result<> RouteNetlink::add_address(int index, const IpPrefix& prefix, bool detect_duplicates) {
  auto message = address_message(RTM_NEWADDR, index, prefix, NLM_F_CREATE | NLM_F_EXCL);
  // A network of one or two addresses has none that all listen to (RFC 3021).
  if (prefix.address.is_v4() && prefix.length < 31) message.address(IFA_BROADCAST, prefix.broadcast());
  if (prefix.address.is_v6() && !detect_duplicates) message.u32(IFA_FLAGS, IFA_F_NODAD);
  TRY_CTX(socket_.request(std::move(message)), "giving interface number {} the address {}", index,
          prefix.to_string());
  return {};
}

Result<> RouteNetlink::delete_address(int index, const IpPrefix& prefix) {
  TRY_CTX(socket_.request(address_message(RTM_DELADDR, index, prefix)),
          "taking the address {} from interface number {}", prefix.to_string(), index);
  return {};
}

Result<std::vector<LinkAddress>> RouteNetlink::addresses(int index) {
  NetlinkMessage message(RTM_GETADDR);
  message.fixed(ifaddrmsg{});
  std::vector<LinkAddress> addresses;
  for (const NetlinkReply& reply : TRY_CTX(socket_.dump(message), "listing addresses")) {
    const auto info = reply.fixed<ifaddrmsg>();
    if (reply.type != RTM_NEWADDR || (index != 0 && static_cast<int>(info.ifa_index) != index)) continue;
    const auto attributes = reply.attributes(sizeof info);
    // IPv4: IFA_ADDRESS would be the other end of a point-to-point interface.
    auto address = attributes.address(IFA_LOCAL);
    if (!address) address = attributes.address(IFA_ADDRESS);
    if (!address) continue;
    const std::uint32_t flags = attributes.number<std::uint32_t>(IFA_FLAGS).value_or(info.ifa_flags);
    addresses.push_back({static_cast<int>(info.ifa_index),
                         {*address, info.ifa_prefixlen},
                         (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0,
                         (flags & IFA_F_DADFAILED) != 0});
  }
  std::ranges::stable_sort(addresses, {}, [](const LinkAddress& a) { return a.prefix.address.is_v6(); });
  return addresses;
}

Result<> RouteNetlink::settle_addresses(int index, Nanoseconds at_most) {
  const Nanoseconds deadline = monotonic_now() + at_most;
  for (;;) {
    const LinkAddress* waiting = nullptr;
    const auto all = TRY(addresses(index));
    for (const LinkAddress& address : all) {
      if (address.duplicate)
        return fail(ErrorKind::kAlreadyExists, "another interface of the link has the address {}",
                    address.prefix.address.to_string());
      if (address.tentative) waiting = &address;
    }
    if (waiting == nullptr) return {};
    if (monotonic_now() >= deadline)
      return fail(ErrorKind::kBusy, "the address {} is still tentative", waiting->prefix.address.to_string());
    (void)::poll(nullptr, 0, kSettleMilliseconds);
  }
}

Result<> RouteNetlink::add_route(const Route& route) {
  auto message = TRY(route_message(RTM_NEWROUTE, route, NLM_F_CREATE | NLM_F_EXCL));
  TRY_CTX(socket_.request(std::move(message)), "adding the route to {}", route.destination.to_string());
  return {};
}

Result<> RouteNetlink::replace_route(const Route& route) {
  auto message = TRY(route_message(RTM_NEWROUTE, route, NLM_F_CREATE | NLM_F_REPLACE));
  TRY_CTX(socket_.request(std::move(message)), "setting the route to {}", route.destination.to_string());
  return {};
}

Result<> RouteNetlink::delete_route(const Route& route) {
  auto message = TRY(route_message(RTM_DELROUTE, route));
  TRY_CTX(socket_.request(std::move(message)), "deleting the route to {}", route.destination.to_string());
  return {};
}

Result<std::vector<Route>> RouteNetlink::routes() {
  NetlinkMessage message(RTM_GETROUTE);
  message.fixed(rtmsg{});
  std::vector<Route> routes;
  for (const NetlinkReply& reply : TRY_CTX(socket_.dump(message), "listing routes")) {
    if (reply.type != RTM_NEWROUTE) continue;
    if (auto route = read_route(reply)) routes.push_back(*std::move(route));
  }
  return routes;
}

Result<std::vector<int>> RouteNetlink::interfaces_with_told_routes() {
  NetlinkMessage message(RTM_GETROUTE);
  rtmsg wanted{};
  wanted.rtm_family = AF_INET6;
  message.fixed(wanted);
  std::vector<int> found;
  for (const NetlinkReply& reply : TRY_CTX(socket_.dump(message), "listing IPv6 routes")) {
    const auto info = reply.fixed<rtmsg>();
    if (reply.type != RTM_NEWROUTE || info.rtm_protocol != RTPROT_RA) continue;
    const auto index = reply.attributes(sizeof info).number<std::int32_t>(RTA_OIF);
    if (index && std::ranges::find(found, *index) == found.end()) found.push_back(*index);
  }
  return found;
}

}  // namespace agena::sys
