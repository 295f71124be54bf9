// Stands in for a pod's network namespace that is gone, when plugins undo what they did outside of it.
// Without a namespace they forget it: Debian's ptp and bridge learn from the interface in it which addresses
// they masquerade.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

// A network namespace with one interface of a pod's name and addresses, which leads nowhere. It ends with
// this value.
class StandIn {
 public:
  static Result<StandIn> make(const std::string& interface, const std::vector<IpPrefix>& addresses);
  // For other processes, as long as this one lives.
  std::string path() const;

 private:
  explicit StandIn(sys::UniqueFd name_space) : name_space_(std::move(name_space)) {}
  sys::UniqueFd name_space_;
};

}  // namespace agena::stage1
