// The connections of a server: how many a peer may have, and how long each may last. Internal to
// stage0/metadata.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "common/base/ip.h"

namespace agena::stage0 {

struct ConnectionLimits {
  unsigned per_peer;               // of one address; 0: no limit
  unsigned of_loopback;            // of all loopback addresses together; 0: no limit
  std::chrono::milliseconds life;  // from the start, whatever is sent meanwhile
};

// Safe for any number of threads. One of its own ends what lasts too long.
class OpenConnections {
 public:
  explicit OpenConnections(const ConnectionLimits& limits);

  // Whether a peer may have one more. Programs in the host's network share their addresses, so they share a
  // limit. Peers without an address (Unix sockets) have none.
  bool may_open(const std::optional<IpAddress>& peer) const;
  // A socket stays its owner's, who calls closed() before closing it. Shut down, it makes its owner do so.
  void opened(int socket, const std::optional<IpAddress>& peer);
  void closed(int socket);

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection {
    std::optional<IpAddress> peer;
    Clock::time_point end;
    bool shut = false;
  };
  void end_overdue(const std::stop_token& stop);

  const ConnectionLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<int, Connection> open_;
  std::jthread ender_;  // the last, so that it ends first
};

}  // namespace agena::stage0
