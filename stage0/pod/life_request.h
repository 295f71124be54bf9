// What a user asks for the life of an app: `--restart`, `--stop-*`, `--sdnotify`, `--health-*`. The producer
// has checked the values.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "manifests/life/health_check.h"
#include "manifests/life/restart_policy.h"
#include "manifests/schema/labels.h"

namespace agena::stage0 {

// Unset: as the image says.
struct LifeRequest {
  std::optional<life::RestartPolicy> restart = {};
  std::optional<int> stop_signal = {};
  std::optional<Nanoseconds> stop_timeout = {};
  std::optional<bool> notifies = {};  // the app says itself when it is ready
  life::HealthSettings health = {};
  bool operator==(const LifeRequest&) const = default;
};

// Writes the request into an app's annotations, which have the image's so far. A health check without
// anything to run is an error.
Result<> apply_life_request(const LifeRequest& request, schema::Annotations& annotations);

}  // namespace agena::stage0
