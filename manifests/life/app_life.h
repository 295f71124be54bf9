// The settings of an app's life, out of annotations: restarts, stop, readiness, health.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "manifests/life/health_check.h"
#include "manifests/life/restart_policy.h"
#include "manifests/schema/labels.h"

namespace agena::life {

struct AppLife {
  RestartPolicy restart = {};
  std::string stop_signal = {};                  // as written; empty: SIGTERM
  std::optional<Nanoseconds> stop_timeout = {};  // how long it may take to end after the signal
  bool notifies = false;                         // it says itself when it is ready
  std::optional<HealthCheck> health = {};

  // Whether its supervisor has anything to keep a record of.
  bool has_course() const { return restart.when != RestartPolicy::When::kNo || notifies || health; }
};

// How long an app may take to end after its stop signal, unless it says otherwise.
inline constexpr Nanoseconds kStopTimeout = 10 * kSecond;

// An app's settings; what its annotations leave open its image's say. A value that makes no sense is an error
// that names the annotation.
Result<AppLife> read_app_life(const schema::Annotations& app, const schema::Annotations& image);

}  // namespace agena::life
