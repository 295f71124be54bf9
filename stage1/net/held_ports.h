// Ports of the host that a pod has: sockets bound to them, on which nobody listens. The kernel decides who
// gets a port, among pods and programs of the host alike, and frees it when the holder dies.
#pragma once

#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "manifests/schema/port_map.h"

namespace agena::stage1 {

class HeldPorts {
 public:
  HeldPorts() = default;
  // Takes all ports of the mappings in this thread's network namespace, or none. kBusy if somebody has one. A
  // version of IP or a protocol that the kernel has no sockets for is passed over. Raises this process' limit
  // of open files, if it has to be.
  static Result<HeldPorts> hold(std::span<const schema::PortMapping> mappings);

  std::size_t size() const { return sockets_.size(); }

 private:
  std::vector<sys::UniqueFd> sockets_;
};

}  // namespace agena::stage1
