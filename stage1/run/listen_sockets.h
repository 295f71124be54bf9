// Socket activation: sockets that the caller's service manager passed to `run` (sd_listen_fds(3)), and which
// app each is for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// What is known of a socket besides its descriptor.
struct SocketFacts {
  std::string name;        // FileDescriptorName= of the socket unit
  std::string protocol;    // "tcp", "udp", or empty for anything else
  std::uint16_t port = 0;  // that it is bound to; 0 if it has none
  bool operator==(const SocketFacts&) const = default;
};

struct PassedSocket {
  sys::UniqueFd fd;  // close-on-exec
  SocketFacts facts;
};

// Takes the sockets that were passed to this process, if any were, and removes the variables that tell of
// them. An error if what is said of them does not hold.
Result<std::vector<PassedSocket>> take_listen_sockets();

// Whether an app has ports that are to be socket-activated.
bool is_socket_activated(const PodApp& app);

// Number of the app for each socket, in the order of the pod's apps. A socket belongs to the app with a
// socket-activated port that has the socket's name; else to the one whose port, or the host's port for it,
// has its number and protocol; else to the only app with such ports. Anything else is an error that says what
// there is.
Result<std::vector<std::size_t>> assign_sockets(const Pod& pod, const std::vector<SocketFacts>& sockets);

// The sockets of a pod, for as long as its apps may be started.
class PassedSockets {
 public:
  // Takes them, and decides whose they are.
  static Result<PassedSockets> take(const Pod& pod);

  // Names of the apps that have any, each once.
  std::vector<std::string> apps() const;
  // Those of an app: names and descriptors, in one order. The descriptors stay ours.
  struct OfApp {
    std::vector<std::string> names;
    std::vector<int> fds;
  };
  OfApp of(const std::string& app) const;

 private:
  std::vector<PassedSocket> sockets_;
  std::vector<std::string> owners_;  // name of the app for each
};

}  // namespace agena::stage1
