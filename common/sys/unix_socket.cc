#include "common/sys/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "common/base/cleanup.h"
#include "common/base/strings.h"

namespace agena::sys {
namespace {

Result<UniqueFd> make_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return sys_fail("creating a unix socket");
  return socket;
}

struct Address {
  sockaddr_un data{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&data); }
};

// sun_path holds 107 characters and knows no "at" form; /proc/self/fd stands for the directory.
Result<Address> address_of(DirRef dir, const std::string& path) {
  const bool relative_to_fd = dir.get() != AT_FDCWD && !path.starts_with('/');
  const std::string full = relative_to_fd ? proc_fd_path(dir.get()) + "/" + path : path;
  Address address;
  if (full.empty() || full.size() >= sizeof address.data.sun_path)
    return fail(ErrorKind::kInvalidInput, "socket path '{}' is not from 1 to {} characters long",
                printable(full), sizeof address.data.sun_path - 1);
  address.data.sun_family = AF_UNIX;
  std::memcpy(address.data.sun_path, full.data(), full.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + full.size() + 1);
  return address;
}

}  // namespace

Result<UniqueFd> listen_seqpacket(DirRef dir, const std::string& path, mode_t mode, int backlog) {
  const Address address = TRY(address_of(dir, path));
  UniqueFd socket = TRY(make_socket());
  if (::bind(socket.get(), address.get(), address.size) != 0)
    return sys_fail("binding a socket to '{}'", printable(path));
  Cleanup forget([&]() noexcept { ::unlinkat(dir.get(), path.c_str(), 0); });
  // The mode comes before listen(2): until then nobody can connect, whatever the umask left open.
  if (::fchmodat(dir.get(), path.c_str(), mode, 0) != 0)
    return sys_fail("setting the mode of socket '{}'", printable(path));
  if (::listen(socket.get(), backlog) != 0) return sys_fail("listening on '{}'", printable(path));
  forget.dismiss();
  return socket;
}

namespace {

// SO_SNDTIMEO also bounds connect(2), which waits for room in the listener's backlog.
Result<> limit_send_time(int socket, Nanoseconds timeout) {
  constexpr Nanoseconds kMicrosecond = 1'000;
  const timeval limit{.tv_sec = timeout / kSecond, .tv_usec = timeout % kSecond / kMicrosecond};
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
    return sys_fail("setting the time limit of a socket");
  return {};
}

}  // namespace

Result<UniqueFd> connect_seqpacket(DirRef dir, const std::string& path, Nanoseconds timeout) {
  const Address address = TRY(address_of(dir, path));
  UniqueFd socket = TRY(make_socket());
  if (timeout >= 0) TRY(limit_send_time(socket.get(), timeout));
  while (::connect(socket.get(), address.get(), address.size) != 0)
    if (errno != EINTR) return sys_fail("connecting to socket '{}'", printable(path));
  return socket;
}

Result<std::optional<UniqueFd>> accept_connection(int listener) {
  while (true) {
    UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) return std::optional(std::move(connection));
    if (errno == EAGAIN) return std::optional<UniqueFd>();
    // ECONNABORTED: that client left while it waited; the next one counts.
    if (errno != EINTR && errno != ECONNABORTED) return sys_fail("accepting a connection");
  }
}

Result<std::pair<UniqueFd, UniqueFd>> seqpacket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return sys_fail("creating a socket pair");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<Credentials> peer_credentials(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return sys_fail("reading the credentials of a socket's peer");
  return Credentials{.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

Result<> pass_credentials(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return sys_fail("asking for credentials with messages");
  return {};
}

Result<> send_message(int socket, std::string_view bytes, std::span<const int> fds) {
  // An empty packet cannot be told from a closed peer.
  if (bytes.empty() || fds.size() > kMaxMessageFds)
    return fail(ErrorKind::kInternal, "message of {} bytes with {} descriptors", bytes.size(), fds.size());
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return sys_fail("sending a message of {} bytes", bytes.size());
  return {};
}

namespace {

// Waits until the socket can be read; kBusy when the time is over.
Result<> wait_readable(int socket, Nanoseconds timeout) {
  const Nanoseconds deadline = timeout < 0 ? kForever : monotonic_now() + timeout;
  pollfd waited{.fd = socket, .events = POLLIN, .revents = 0};
  while (true) {
    constexpr Nanoseconds kMillisecond = 1'000'000;
    const Nanoseconds left = deadline < 0 ? kForever : std::max<Nanoseconds>(deadline - monotonic_now(), 0);
    // Rounded up, so that the last fraction of a millisecond is not spent in a busy loop.
    const Nanoseconds wait =
        left < 0 ? -1 : std::min<Nanoseconds>((left + kMillisecond - 1) / kMillisecond, INT32_MAX);
    const int ready = ::poll(&waited, 1, static_cast<int>(wait));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return sys_fail("waiting for a message");
    if (deadline >= 0 && monotonic_now() >= deadline)
      return fail(ErrorKind::kBusy, "no message within {} ms", timeout / kMillisecond);
  }
}

// Takes descriptors and credentials out of the control messages.
void take_control(msghdr& head, Message& message) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&head); control != nullptr; control = CMSG_NXTHDR(&head, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    const std::size_t size = control->cmsg_len - CMSG_LEN(0);
    if (control->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(control) + at, sizeof fd);
        message.fds.emplace_back(fd);
      }
    } else if (control->cmsg_type == SCM_CREDENTIALS && size >= sizeof(ucred)) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(control), sizeof sender);
      message.sender = Credentials{.pid = sender.pid, .uid = sender.uid, .gid = sender.gid};
    }
  }
}

}  // namespace

Result<std::optional<Message>> receive_message(int socket, std::size_t max_bytes, Nanoseconds timeout) {
  TRY(wait_readable(socket, timeout));
  Message message;
  message.bytes.resize(max_bytes);
  iovec part{.iov_base = message.bytes.data(), .iov_len = message.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred))>
      control{};
  msghdr head{};
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  head.msg_control = control.data();
  head.msg_controllen = control.size();
  ssize_t n = -1;
  do {
    n = ::recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ECONNRESET) return std::optional<Message>();
  if (n < 0) return sys_fail("receiving a message");
  take_control(head, message);
  if (n == 0) return std::optional<Message>();
  if ((head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return fail(ErrorKind::kInvalidInput,
                "message is longer than {} bytes or carries more than {} descriptors", max_bytes,
                kMaxMessageFds);
  message.bytes.resize(static_cast<std::size_t>(n));
  return std::optional(std::move(message));
}

}  // namespace agena::sys
