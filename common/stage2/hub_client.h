// The pod's side of the hub protocol: what stage2 and the recorder ask of the supervisor.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/stage2/hub_protocol.h"
#include "common/sys/fd.h"

namespace agena::stage2 {

// What the hub hands to a starting program.
struct HubDescriptors {
  std::vector<sys::UniqueFd> streams;  // as asked for, in that order
  // Sockets that the program is started with, and their names.
  std::vector<sys::UniqueFd> sockets;
  std::vector<std::string> socket_names;
};

// A connection to the hub. Every wait has a deadline.
class HubClient {
 public:
  static Result<HubClient> connect(const std::string& path, Nanoseconds timeout);

  // Announces a program and gets its descriptors.
  Result<HubDescriptors> open_streams(const HubHello& hello);
  // Moves the connection to a descriptor that is not below a number.
  Result<> move_above(int lowest);
  // Tells that the program could not be started; no answer.
  Result<> report_failure(const HubFailed& failed);
  // Tells what was done up to now; no answer.
  Result<> report_steps(const HubSteps& steps);
  // Asks for the stop of the pod; no answer.
  Result<> request_stop();
  // Asks whether an app may start now; waits as long as the hub puts it off.
  Result<bool> ask_admission(const HubAdmit& admit);
  // Tells how an app ended; returns when the hub has its status on disk.
  Result<> report_end(const HubEnded& ended);

 private:
  HubClient(sys::UniqueFd socket, Nanoseconds timeout) : socket_(std::move(socket)), timeout_(timeout) {}
  template <class Reply>
  Result<std::pair<Reply, std::vector<sys::UniqueFd>>> ask(const HubRequest& request);

  sys::UniqueFd socket_;
  Nanoseconds timeout_;
};

}  // namespace agena::stage2
