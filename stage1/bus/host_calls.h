// What a pod asks of the host's systemd and systemd-machined.
#pragma once

#include <string>

#include "common/base/uuid.h"
#include "stage1/bus/bus.h"

namespace agena::stage1 {

// A transient scope unit: processes that systemd did not start, as a unit.
struct ScopeRequest {
  std::string unit;  // NAME.scope, escaped as systemd.unit(5) says
  std::string slice;
  std::string description;
  pid_t pid = 0;  // the first process, in the host's pid namespace
};

// Starts the scope and waits until the process is in its cgroup, at most `timeout`. The cgroup is delegated:
// systemd leaves alone what is made below it. `manager` is a connection to systemd, direct or through the
// daemon.
Result<> start_scope(const Bus& manager, const ScopeRequest& scope, Nanoseconds timeout);

// A machine of machinectl(1).
struct Machine {
  std::string name;
  Uuid id;
  std::string service;  // what made it
  pid_t leader = 0;     // PID 1 of the machine, in the host's pid namespace
  std::string root;     // its root directory on the host
};

// Registers a running machine with systemd-machined; it belongs to the unit that its leader is in. kNotFound
// where the host has no machined.
Result<> register_machine(const Bus& daemon, const Machine& machine);
// Makes machined forget a machine; one that it does not know is kNotFound.
Result<> unregister_machine(const Bus& daemon, const std::string& name);

}  // namespace agena::stage1
