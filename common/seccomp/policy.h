// From what an app's isolators say of system calls to its filter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/seccomp/filter.h"

namespace agena::seccomp {

enum class Mode {
  kRetain,  // only these calls
  kRemove,  // all but these
};

// An isolator's value.
struct CallSet {
  Mode mode = Mode::kRetain;
  std::vector<std::string> names;  // calls, and groups with '@'
  std::string errno_name;          // what other calls answer ("EPERM"); empty: the process is killed
  // Whether it only narrows the default list: calls that it has beyond that answer EPERM.
  bool within_default = false;
};

// The filter's rules for an app with these capability bits in its bounding set; nullopt: no filter at all.
// Without a set the default list counts, as with "remove @appc.io/empty"; calls that are not in it answer
// EPERM. Names and groups that are unknown are errors.
Result<std::optional<FilterSpec>> filter_for(const std::optional<CallSet>& set, std::uint64_t capabilities);

// "EPERM" to its number.
Result<int> parse_errno(const std::string& name);

}  // namespace agena::seccomp
