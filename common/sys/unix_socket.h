// Unix sockets of type SOCK_SEQPACKET: whole messages with descriptors and the sender's credentials. Every
// descriptor made or received is close-on-exec.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Waits without a deadline.
inline constexpr Nanoseconds kForever = -1;
// Most descriptors that one message carries (the kernel's own limit, SCM_MAX_FD, is 253).
inline constexpr std::size_t kMaxMessageFds = 128;

// Binds a socket at a path and listens; the path must not exist yet. The file gets exactly this mode (who may
// write to it may connect). Relative paths are taken from `dir`, however long its own path is.
Result<UniqueFd> listen_seqpacket(DirRef dir, const std::string& path, mode_t mode, int backlog = 64);
// Connects to such a socket; waits while the listener's backlog is full. A timeout (nanoseconds) bounds this
// wait (kBusy) and later ones for room to send.
Result<UniqueFd> connect_seqpacket(DirRef dir, const std::string& path, Nanoseconds timeout = kForever);
// Next connection of a listening socket; nullopt if the listener is non-blocking and there is none.
Result<std::optional<UniqueFd>> accept_connection(int listener);
// Two connected sockets.
Result<std::pair<UniqueFd, UniqueFd>> seqpacket_pair();

struct Credentials {
  pid_t pid = 0;  // in the receiver's pid namespace; 0 if the sender is not visible there
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const Credentials&) const = default;
};

// Credentials of the peer as they were at connect(2) or socketpair(2) (SO_PEERCRED).
Result<Credentials> peer_credentials(int socket);
// Asks for the sender's credentials with each received message (SO_PASSCRED).
Result<> pass_credentials(int socket);

struct Message {
  std::string bytes;
  std::vector<UniqueFd> fds;
  std::optional<Credentials> sender;  // with pass_credentials() only
};

// Sends one message, with descriptors if there are any; the message must not be empty. A closed peer is
// EPIPE, never a signal.
Result<> send_message(int socket, std::string_view bytes, std::span<const int> fds = {});
// Receives one message of at most max_bytes (a longer one, or more descriptors than kMaxMessageFds, is an
// error); nullopt if the peer has closed. An error of kind kBusy if nothing came in time (`timeout` in
// nanoseconds; 0 only looks) .
Result<std::optional<Message>> receive_message(int socket, std::size_t max_bytes = 64U << 10U,
                                               Nanoseconds timeout = kForever);

}  // namespace agena::sys
