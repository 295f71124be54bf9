#include "common/sys/notify.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "common/base/strings.h"

namespace agena::sys {
namespace {

struct Address {
  sockaddr_un raw{};
  socklen_t length = 0;
};

// '@' starts an abstract address (sd_notify(3)).
Result<Address> address_of(const std::string& path) {
  Address address;
  address.raw.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.raw.sun_path)
    return fail(ErrorKind::kInvalidInput, "socket path '{}' is too long", printable(path));
  std::memcpy(address.raw.sun_path, path.data(), path.size());
  if (path.starts_with('@')) address.raw.sun_path[0] = '\0';
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  return address;
}

const sockaddr* as_sockaddr(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.raw);
}

Result<UniqueFd> datagram_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return sys_fail("opening a socket");
  return socket;
}

}  // namespace

Result<> notify_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return {};
  const Address address = TRY(address_of(path));
  const UniqueFd socket = TRY(datagram_socket());
  if (::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, as_sockaddr(address), address.length) <
      0)
    return sys_fail("notifying the service manager at '{}'", printable(path));
  return {};
}

Result<UniqueFd> listen_notify(DirRef dir, const std::string& path) {
  // Through /proc, so that the length of the directory's own path does not matter (sun_path has 108 bytes).
  const std::string place = dir.get() == AT_FDCWD ? path : proc_fd_path(dir.get()) + "/" + path;
  const Address address = TRY(address_of(place));
  UniqueFd socket = TRY(datagram_socket());
  if (::bind(socket.get(), as_sockaddr(address), address.length) != 0)
    return sys_fail("creating the socket '{}'", printable(path));
  return socket;
}

Result<std::string> receive_notify(const UniqueFd& socket) {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  if (n >= 0) return std::string(buffer.data(), static_cast<std::size_t>(n));
  if (errno == EAGAIN || errno == EINTR) return std::string();
  return sys_fail("receiving a notification");
}

}  // namespace agena::sys
