// The pod's side of the hub protocol: what stage2 and the recorder ask of the supervisor.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/stage2/hub_protocol.h"
#include "common/sys/fd.h"

namespace agena::stage2 {

// A connection to the hub. Every wait has a deadline.
class HubClient {
 public:
  static Result<HubClient> connect(const std::string& path, Nanoseconds timeout);

  // Announces a program and gets one descriptor per stream asked for, in that order.
  Result<std::vector<sys::UniqueFd>> open_streams(const HubHello& hello);
  // Tells that the program could not be started; no answer.
  Result<> report_failure(const HubFailed& failed);
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
