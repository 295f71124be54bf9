#include "stage0/metadata/open_connections.h"

#include <sys/socket.h>

#include <algorithm>

namespace agena::stage0 {

OpenConnections::OpenConnections(const ConnectionLimits& limits)
    : limits_(limits), ender_([this](const std::stop_token& stop) { end_overdue(stop); }) {}

bool OpenConnections::may_open(const std::optional<IpAddress>& peer) const {
  if (!peer) return true;
  const bool loopback = peer->is_loopback();
  const unsigned most = loopback ? limits_.of_loopback : limits_.per_peer;
  if (most == 0) return true;
  const std::scoped_lock lock(mutex_);
  const auto have = std::ranges::count_if(open_, [&](const auto& entry) {
    const auto& other = entry.second.peer;
    return other && (loopback ? other->is_loopback() : *other == *peer);
  });
  return have < most;
}

void OpenConnections::opened(int socket, const std::optional<IpAddress>& peer) {
  const std::scoped_lock lock(mutex_);
  open_.insert_or_assign(socket, Connection{.peer = peer, .end = Clock::now() + limits_.life});
  // Once for all that wait for the end of one, which is earlier than this one's.
  changed_.notify_all();
}

void OpenConnections::closed(int socket) {
  const std::scoped_lock lock(mutex_);
  open_.erase(socket);
}

void OpenConnections::end_overdue(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Clock::time_point now = Clock::now();
    std::optional<Clock::time_point> next;
    for (auto& [socket, connection] : open_) {
      if (connection.shut) continue;
      if (connection.end <= now) {
        (void)::shutdown(socket, SHUT_RDWR);
        connection.shut = true;
      } else if (!next || connection.end < *next) {
        next = connection.end;
      }
    }
    if (next)
      changed_.wait_until(lock, stop, *next, [] { return false; });
    else
      changed_.wait(lock, stop, [&] {
        return std::ranges::any_of(open_, [](const auto& entry) { return !entry.second.shut; });
      });
  }
}

}  // namespace agena::stage0
