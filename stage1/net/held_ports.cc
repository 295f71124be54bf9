#include "stage1/net/held_ports.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "common/base/table.h"

namespace agena::stage1 {
namespace {

struct SocketRow {
  std::string_view name;
  int type;
  int protocol;
};
constexpr std::array kSockets = {SocketRow{"sctp", SOCK_STREAM, IPPROTO_SCTP},
                                 SocketRow{"tcp", SOCK_STREAM, IPPROTO_TCP},
                                 SocketRow{"udp", SOCK_DGRAM, IPPROTO_UDP}};
static_assert(sorted_by_name(kSockets));

// Descriptors that a supervisor needs beside these.
constexpr rlim_t kOtherFiles = 256;

struct Place {
  const schema::PortMapping& mapping;
  IpAddress address;
  std::uint16_t port;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketAddress socket_address(const Place& place) {
  SocketAddress address;
  const auto bytes = place.address.bytes();
  if (place.address.is_v4()) {
    sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(place.port), .sin_addr = {}, .sin_zero = {}};
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.length = sizeof v4;
  } else {
    sockaddr_in6 v6{.sin6_family = AF_INET6,
                    .sin6_port = htons(place.port),
                    .sin6_flowinfo = 0,
                    .sin6_addr = {},
                    .sin6_scope_id = 0};
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.length = sizeof v6;
  }
  return address;
}

// Datagrams that no rule takes elsewhere would be kept for a reader who never comes.
void take_nothing(int socket) {
  sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &drop_all};
  (void)::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

bool set_option(int socket, int level, int option, int value) {
  return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

// Connections of an earlier owner that wait for their end keep a port from being bound, unless the address is
// reused; and whoever else says that it reuses it might bind it too, unless this socket does not any more.
int bind_socket(int socket, const SocketAddress& address, bool stream) {
  const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::bind(socket, where, address.length) == 0) return 0;
  if (errno != EADDRINUSE || !stream || !set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1)) return errno;
  const int error = ::bind(socket, where, address.length) == 0 ? 0 : errno;
  (void)set_option(socket, SOL_SOCKET, SO_REUSEADDR, 0);
  return error;
}

std::unexpected<Error> cannot_hold(const Place& place, int error) {
  schema::PortMapping one = place.mapping;
  one.host_ip = place.address;
  one.host_port = place.port;
  if (error == EADDRINUSE)
    return std::unexpected(
        Error(ErrorKind::kBusy,
              fmt::format("port {} of the host is in use, by another pod or by a program of the host",
                          one.place()))
            .with_hint("'ss -anp' tells who has it"));
  if (error == EADDRNOTAVAIL)
    return fail(ErrorKind::kInvalidInput, "port {}: the host has no address {}", one.place(),
                place.address.to_string());
  return errno_fail(error, "taking port {} of the host", one.place());
}

// nullopt where the kernel has no such sockets.
Result<std::optional<sys::UniqueFd>> hold_one(const Place& place) {
  const SocketRow& row = *find_by_name(kSockets, place.mapping.protocol);
  sys::UniqueFd socket(::socket(place.address.family(), row.type | SOCK_CLOEXEC, row.protocol));
  if (!socket) {
    const bool absent = errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == ESOCKTNOSUPPORT;
    if (absent) return std::optional<sys::UniqueFd>();
    return sys_fail("making a socket");
  }
  if (place.address.is_v6() && !set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1))
    return sys_fail("making a socket of IPv6 alone");
  if (row.type == SOCK_DGRAM) take_nothing(socket.get());
  const int error = bind_socket(socket.get(), socket_address(place), row.type == SOCK_STREAM);
  if (error != 0) return cannot_hold(place, error);
  return std::optional(std::move(socket));
}

std::vector<IpAddress> addresses_of(const schema::PortMapping& mapping) {
  if (mapping.host_ip) return {*mapping.host_ip};
  return {IpAddress::v4({}), IpAddress::v6({})};
}

Result<> make_room(std::size_t sockets) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return sys_fail("reading the limit of open files");
  const rlim_t wanted = sockets + kOtherFiles;
  if (wanted <= limit.rlim_cur) return {};
  if (wanted > limit.rlim_max)
    return fail(ErrorKind::kUnsupported,
                "{} ports of the host cannot be held with the limit of {} open files (ulimit -Hn)", sockets,
                limit.rlim_max);
  limit.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return sys_fail("raising the limit of open files");
  return {};
}

}  // namespace

Result<HeldPorts> HeldPorts::hold(std::span<const schema::PortMapping> mappings) {
  HeldPorts held;
  std::size_t sockets = 0;
  for (const schema::PortMapping& mapping : mappings) sockets += addresses_of(mapping).size() * mapping.count;
  TRY(make_room(sockets));
  held.sockets_.reserve(sockets);
  for (const schema::PortMapping& mapping : mappings)
    for (const IpAddress& address : addresses_of(mapping))
      for (unsigned i = 0; i < mapping.count; ++i) {
        const Place place{mapping, address, static_cast<std::uint16_t>(mapping.host_port + i)};
        auto socket = TRY(hold_one(place));
        if (!socket) break;
        held.sockets_.push_back(*std::move(socket));
      }
  return held;
}

}  // namespace agena::stage1
