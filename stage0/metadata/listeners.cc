#include "stage0/metadata/listeners.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

// SD_LISTEN_FDS_START.
constexpr int kFirst = 3;
constexpr int kBacklog = 128;
constexpr mode_t kSocketMode = 0660;

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs yet.
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int int_option(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

Result<std::uint16_t> port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return sys_fail("reading the address of a socket");
  const auto& in = reinterpret_cast<const sockaddr_in&>(address);
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
  return ntohs(address.ss_family == AF_INET ? in.sin_port : in6.sin6_port);
}

Result<> take_passed(int fd, MetadataListeners& listeners) {
  sys::UniqueFd owned(fd);
  TRY_CTX(sys::set_cloexec(fd, true), "descriptor {} of $LISTEN_FDS", fd);
  if (int_option(fd, SO_ACCEPTCONN) != 1 || int_option(fd, SO_TYPE) != SOCK_STREAM)
    return fail(ErrorKind::kInvalidInput, "descriptor {} of $LISTEN_FDS is no listening stream socket", fd);
  const int domain = int_option(fd, SO_DOMAIN);
  if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)
    return fail(ErrorKind::kInvalidInput, "descriptor {} of $LISTEN_FDS is neither a Unix nor a TCP socket",
                fd);
  sys::UniqueFd& place = domain == AF_UNIX ? listeners.registration : listeners.metadata;
  if (place) return fail(ErrorKind::kInvalidInput, "two sockets of one kind were passed ($LISTEN_FDS)");
  if (domain != AF_UNIX) listeners.port = TRY(port_of(fd));
  place = std::move(owned);
  return {};
}

Result<> take_all_passed(MetadataListeners& listeners) {
  const std::string count = variable("LISTEN_FDS");
  if (count.empty() || variable("LISTEN_PID") != fmt::format("{}", ::getpid())) return {};
  const auto number = TRY_CTX(parse_int(count, 0, 2), "$LISTEN_FDS");
  for (int i = 0; i < number; ++i) TRY(take_passed(kFirst + i, listeners));
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): nothing else runs yet
  return {};
}

// All addresses of the host, IPv6's too if it has any.
Result<sys::UniqueFd> listen_tcp(std::uint16_t port) {
  const int on = 1;
  const int off = 0;
  sys::UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_port = htons(port);
  sockaddr_in address4{};
  address4.sin_family = AF_INET;
  address4.sin_port = htons(port);
  const bool both = socket && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
  if (!both) socket.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return sys_fail("opening a socket");
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return sys_fail("setting up a socket");
  const int bound = both
                        ? ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address6), sizeof address6)
                        : ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address4), sizeof address4);
  if (bound != 0) return sys_fail("listening on port {}", port);
  if (::listen(socket.get(), kBacklog) != 0) return sys_fail("listening on port {}", port);
  return socket;
}

// Whether somebody listens there. What is left of a service that was killed refuses.
bool is_served(const sockaddr_un& address) {
  const sys::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

Result<sys::UniqueFd> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::kInvalidInput, "socket path '{}' is too long", printable(path));
  std::memcpy(address.sun_path, path.data(), path.size());
  TRY(sys::make_dirs(sys::at_cwd(), path.substr(0, path.rfind('/'))));
  if (TRY(sys::exists(sys::at_cwd(), path))) {
    if (is_served(address))
      return fail(ErrorKind::kAlreadyExists, "a metadata service listens at '{}' already", printable(path));
    TRY(sys::remove_file(sys::at_cwd(), path));
  }
  sys::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return sys_fail("opening a socket");
  // Nobody else gets in between the two calls.
  const mode_t old = ::umask(0777 & ~0600);
  const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(old);
  if (bound != 0 || ::chmod(path.c_str(), kSocketMode) != 0 || ::listen(socket.get(), kBacklog) != 0)
    return sys_fail("listening at '{}'", printable(path));
  return socket;
}

}  // namespace

Result<MetadataListeners> open_metadata_listeners(const std::string& socket, std::uint16_t port) {
  MetadataListeners listeners;
  TRY(take_all_passed(listeners));
  // The port first: of two services that start at once, one fails here.
  if (!listeners.metadata) {
    listeners.metadata = TRY(listen_tcp(port));
    listeners.port = TRY(port_of(listeners.metadata.get()));
  }
  if (!listeners.registration) {
    listeners.registration = TRY(listen_unix(socket));
    listeners.own_registration = true;
  }
  return listeners;
}

}  // namespace agena::stage0
