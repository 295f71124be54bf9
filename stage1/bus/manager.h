// The agent in a mutable pod: takes the supervisor's orders and has the pod's systemd carry them out, so that
// no process is started per order. systemd answers only who is in its own pid namespace.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

struct ManagerAgentSetup {
  sys::UniqueFd
      supervisor;  // a connection on which the supervisor gives orders (stage1/apps/manager_protocol)
  std::string manager_socket;  // systemd's private one
  std::string unit_dir;        // where units are written
};

// Serves until the supervisor closes its end. Orders are carried out next to each other, but those for one
// unit one after another. An error if systemd goes away (it was executed anew, say): the next agent gets the
// orders that are unanswered.
Result<> run_manager_agent(ManagerAgentSetup setup);

// Says hello to the pod's hub, and returns the connection.
Result<sys::UniqueFd> join_supervisor(const std::string& hub_socket);

}  // namespace agena::stage1
