#include "manifests/life/app_life.h"

#include <algorithm>

#include "manifests/schema/annotations.h"

namespace agena::life {

namespace annotation = schema::annotation;

namespace {

// Sums of some such times fit.
constexpr Nanoseconds kMostStopTimeout = 365 * 24 * 3600 * kSecond;

}  // namespace

Result<AppLife> read_app_life(const schema::Annotations& app, const schema::Annotations& image) {
  const auto find = [&](const char* name) {
    const std::string* value = app.find(name);
    return value != nullptr ? value : image.find(name);
  };
  AppLife life;
  if (const auto* text = find(annotation::kRestart))
    life.restart = TRY_CTX(parse_restart_policy(*text), "annotation '{}'", annotation::kRestart);
  if (const auto* text = find(annotation::kStopSignal)) life.stop_signal = *text;
  if (const auto* text = find(annotation::kStopTimeout))
    life.stop_timeout = std::min(TRY_CTX(parse_duration(*text), "annotation '{}'", annotation::kStopTimeout),
                                 kMostStopTimeout);
  if (const auto* text = find(annotation::kNotifies)) life.notifies = *text == "true";
  if (const auto* text = find(annotation::kHealthCheck))
    life.health = TRY_CTX(
        make_health_check(TRY_CTX(parse_health_settings(*text), "annotation '{}'", annotation::kHealthCheck)),
        "annotation '{}'", annotation::kHealthCheck);
  return life;
}

}  // namespace agena::life
