// How the health of an app is checked: docker's Healthcheck object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace agena {
class JsonNode;
}

namespace agena::life {

// What was said about checks; unset parts are inherited (flags from the image) or take the defaults below.
struct HealthSettings {
  // "NONE" alone; "CMD", PROGRAM, ARG…; or "CMD-SHELL", COMMAND. Empty: inherited.
  std::vector<std::string> test = {};
  std::optional<Nanoseconds> interval = {};
  std::optional<Nanoseconds> timeout = {};
  std::optional<Nanoseconds> start_period = {};
  std::optional<std::uint32_t> retries = {};
  bool operator==(const HealthSettings&) const = default;
};

// Reads docker's object: Test, Interval, Timeout, StartPeriod (nanoseconds, 0: unset), Retries (0: unset).
// Other members do not count.
HealthSettings read_health_settings(const JsonNode& node);
// The object as JSON, and back.
Result<std::string> render_health_settings(const HealthSettings& settings);
Result<HealthSettings> parse_health_settings(std::string_view json);
// `over` with what it leaves open taken from `under`.
HealthSettings merge(const HealthSettings& over, const HealthSettings& under);

// A complete check.
struct HealthCheck {
  std::vector<std::string> command;  // program and arguments, not empty
  Nanoseconds interval = 30 * kSecond;
  Nanoseconds timeout = 30 * kSecond;
  // How long after its start an app may fail checks without its counting.
  Nanoseconds start_period = 0;
  std::uint32_t retries = 3;  // failures in a row that make an app unhealthy, at least 1
  bool operator==(const HealthCheck&) const = default;
};

// The check that settings ask for; nullopt if they ask for none. A test of an unknown kind is an error.
Result<std::optional<HealthCheck>> make_health_check(const HealthSettings& settings);

}  // namespace agena::life
