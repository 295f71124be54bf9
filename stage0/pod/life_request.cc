#include "stage0/pod/life_request.h"

#include "common/sys/signals.h"
#include "manifests/schema/annotations.h"

namespace agena::stage0 {
namespace {

namespace annotation = schema::annotation;

Result<> set(schema::Annotations& annotations, const char* name, const std::string& value) {
  annotations.set(TRY(schema::AcIdentifier::parse(name)), value);
  return {};
}

Result<> apply_health(const life::HealthSettings& health, schema::Annotations& annotations) {
  if (health == life::HealthSettings()) return {};
  life::HealthSettings settings = health;
  if (const std::string* image = annotations.find(annotation::kHealthCheck))
    settings = life::merge(health, TRY(life::parse_health_settings(*image)));
  if (settings.test.empty())
    return fail(ErrorKind::kInvalidInput,
                "there is no health check that --health-* could change (try --health-cmd=COMMAND)");
  (void)TRY(life::make_health_check(settings));
  return set(annotations, annotation::kHealthCheck, TRY(life::render_health_settings(settings)));
}

// As parse_duration() reads it.
std::string duration_text(Nanoseconds time) {
  constexpr Nanoseconds kMilli = kSecond / 1000;
  return time % kSecond == 0 ? fmt::format("{}s", time / kSecond) : fmt::format("{}ms", time / kMilli);
}

}  // namespace

Result<> apply_life_request(const LifeRequest& request, schema::Annotations& annotations) {
  if (request.restart) TRY(set(annotations, annotation::kRestart, to_string(*request.restart)));
  if (request.stop_signal)
    TRY(set(annotations, annotation::kStopSignal, sys::signal_text(*request.stop_signal)));
  if (request.stop_timeout)
    TRY(set(annotations, annotation::kStopTimeout, duration_text(*request.stop_timeout)));
  if (request.notifies) TRY(set(annotations, annotation::kNotifies, *request.notifies ? "true" : "false"));
  return apply_health(request.health, annotations);
}

}  // namespace agena::stage0
