#include "stage1/net/flows.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "common/sys/netlink.h"

namespace agena::stage1 {
namespace {

constexpr std::string_view kUdp = "udp";

sys::NetlinkMessage message(int what, std::uint8_t family) {
  sys::NetlinkMessage made(static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | what));
  made.fixed(nfgenmsg{.nfgen_family = family, .version = NFNETLINK_V0, .res_id = 0});
  return made;
}

std::optional<IpAddress> address_in(const sys::NetlinkAttributes& tuple, std::uint16_t v4, std::uint16_t v6) {
  const auto addresses = tuple.nest(CTA_TUPLE_IP);
  return addresses.has(v4) ? addresses.address(v4) : addresses.address(v6);
}

// Whether packets of this kind are for the port, as they come in.
bool is_to(const sys::NetlinkAttributes& original, const schema::PortMapping& port) {
  const auto protocol = original.nest(CTA_TUPLE_PROTO);
  const auto number = protocol.number<std::uint16_t>(CTA_PROTO_DST_PORT);
  if (protocol.number<std::uint8_t>(CTA_PROTO_NUM) != IPPROTO_UDP || !number) return false;
  const unsigned there = ntohs(*number);
  if (there < port.host_port || there >= port.host_port + unsigned{port.count}) return false;
  const auto destination = address_in(original, CTA_IP_V4_DST, CTA_IP_V6_DST);
  return destination && schema::is_for(port, destination->is_v4()) &&
         (!port.host_ip || port.host_ip->is_unspecified() || *port.host_ip == *destination);
}

bool is_to_any(const sys::NetlinkAttributes& flow, std::span<const schema::PortMapping> ports) {
  const auto original = flow.nest(CTA_TUPLE_ORIG);
  return std::ranges::any_of(ports, [&](const schema::PortMapping& port) { return is_to(original, port); });
}

bool leads_to(const sys::NetlinkAttributes& flow, const ForwardTarget& target) {
  const auto answers_from = address_in(flow.nest(CTA_TUPLE_REPLY), CTA_IP_V4_SRC, CTA_IP_V6_SRC);
  const auto is_there = [&](const std::optional<IpPrefix>& pod) {
    return pod && answers_from && pod->address == *answers_from;
  };
  return is_there(target.v4) || is_there(target.v6);
}

Result<> forget(sys::NetlinkSocket& socket, const sys::NetlinkReply& found,
                const sys::NetlinkAttributes& flow) {
  auto order = message(IPCTNL_MSG_CT_DELETE, found.fixed<nfgenmsg>().nfgen_family);
  // With its id: what has taken its place meanwhile stays.
  for (const std::uint16_t type : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID})
    if (flow.has(type))
      order.attribute(type == CTA_TUPLE_ORIG ? type | NLA_F_NESTED : type, flow.bytes(type));
  auto done = socket.request(std::move(order));
  if (!done && done.error().kind() == ErrorKind::kNotFound) return {};  // it has ended by itself
  return done;
}

// Those to the ports that lead to the target, or those that do not.
Result<> forget_flows(std::span<const schema::PortMapping> ports, const ForwardTarget& target, bool to_it) {
  std::vector<schema::PortMapping> of_udp;
  std::ranges::copy_if(ports, std::back_inserter(of_udp),
                       [](const schema::PortMapping& port) { return port.protocol == kUdp; });
  if (of_udp.empty()) return {};
  auto socket = TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER));
  for (const sys::NetlinkReply& found : TRY(socket.dump(message(IPCTNL_MSG_CT_GET, AF_UNSPEC)))) {
    const auto flow = found.attributes(sizeof(nfgenmsg));
    if (is_to_any(flow, of_udp) && leads_to(flow, target) == to_it) TRY(forget(socket, found, flow));
  }
  return {};
}

}  // namespace

Result<> forget_stale_flows(std::span<const schema::PortMapping> ports, const ForwardTarget& target) {
  return forget_flows(ports, target, false);
}

Result<> forget_flows_of(std::span<const schema::PortMapping> ports, const ForwardTarget& target) {
  return forget_flows(ports, target, true);
}

}  // namespace agena::stage1
