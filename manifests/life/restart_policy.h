// When an app that has ended is started again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::life {

struct RestartPolicy {
  enum class When { kNo, kOnFailure, kAlways };
  When when = When::kNo;
  // kOnFailure only: most restarts in the life of the pod; no limit without.
  std::optional<std::uint32_t> most = {};
  bool operator==(const RestartPolicy&) const = default;
};

// "no", "on-failure[:MAX]", "always"; "unless-stopped" is "always", since nothing but a command starts a pod.
Result<RestartPolicy> parse_restart_policy(std::string_view text);
// The inverse.
std::string to_string(const RestartPolicy& policy);

}  // namespace agena::life
