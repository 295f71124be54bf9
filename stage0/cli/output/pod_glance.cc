#include "stage0/cli/output/pod_glance.h"

#include <string.h>

#include <algorithm>

#include "common/base/strings.h"
#include "stage0/cli/output/pod_text.h"

namespace agena::stage0 {
namespace {

constexpr int kSignalBase = 128;  // 128 + N: signal N ended it

// "3", "137, SIGKILL"; what the kernel did counts more than the signal that it used.
std::string code_text(const AppInfo& app) {
  const int code = *app.exit_code;
  if (app.oom_kills > 0) return fmt::format("{}, out of memory", code);
  const char* signal = code > kSignalBase ? ::sigabbrev_np(code - kSignalBase) : nullptr;
  return signal == nullptr ? fmt::format("{}", code) : fmt::format("{}, SIG{}", code, signal);
}

Glance glance_of_running(const AppInfo& app) {
  if (app.state == AppState::kCreated) return {"not started", Tone::kFaint};
  if (app.life && app.life->restart_at) return {"restarting", Tone::kWarning};
  if (app.life && app.life->health == contract::Health::kUnhealthy) return {"unhealthy", Tone::kBad};
  if (app.life && app.life->ready == false) return {"not ready", Tone::kWarning};
  if (app.oom_kills > 0) return {"running, out of memory", Tone::kWarning};
  return {"running", Tone::kGood};
}

bool has_ended(PodState state) {
  return state == PodState::kExited || state == PodState::kExitedGarbage ||
         state == PodState::kExitedDeleting;
}

Glance glance_of_pod(const PodInfo& pod) {
  const std::string text(contract::name_of(pod.state));
  if (pod.state == PodState::kRunning) return {text, Tone::kGood};
  if (pod.state == PodState::kAbortedPrepare) return {text, Tone::kBad};
  if (has_ended(pod.state))
    return pod.started_at ? Glance{text, Tone::kFaint} : Glance{"never started", Tone::kBad};
  return {text, Tone::kPlain};
}

// What to call it in a sentence.
std::string called(const PodInfo& pod) {
  return pod.name.empty() ? pod.uuid.short_form()
                          : fmt::format("{} ({})", printable(pod.name), pod.uuid.short_form());
}

bool is_trouble(const Glance& glance) { return glance.tone == Tone::kBad || glance.tone == Tone::kWarning; }

}  // namespace

Glance glance_of(const PodInfo& pod, const AppInfo* app) {
  const bool ended = has_ended(pod.state);
  if (app == nullptr || !(pod.state == PodState::kRunning || ended)) return glance_of_pod(pod);
  if (app->exit_code && (ended || app->state == AppState::kExited)) {
    if (*app->exit_code != 0) return {fmt::format("failed ({})", code_text(*app)), Tone::kBad};
    return {"exited", Tone::kFaint};
  }
  if (!ended) return glance_of_running(*app);
  if (!pod.started_at) return {"never started", Tone::kBad};
  if (pod.is_mutable) return {"exited", Tone::kFaint};
  // The pod was not set up, or its supervisor was killed before it could record how the app ended.
  return {"aborted", Tone::kBad};
}

Table pods_screen_table(std::vector<PodInfo> pods, bool legend, Nanoseconds now) {
  enum Column : std::size_t { kUuid, kName, kApp, kImage, kState, kCreated, kStarted, kNetworks };
  std::ranges::stable_sort(pods, {}, [](const PodInfo& pod) { return pod.created_at.value_or(0); });
  Table table;
  if (legend) {
    table.add_row({"UUID", "NAME", "APP", "IMAGE NAME", "STATE", "CREATED", "STARTED", "NETWORKS"});
    for (std::size_t i = kUuid; i <= kNetworks; ++i) table.set_tone(i, Tone::kBold);
  }
  const auto time = [&](const std::optional<Nanoseconds>& at) {
    return at ? humanised(*at, now) : std::string();
  };
  const auto add = [&](const PodInfo& pod, const AppInfo* app) {
    const bool first = app == nullptr || app == pod.apps.data();
    const Glance glance = glance_of(pod, app);
    const auto fact = [&](std::string text) { return first ? std::move(text) : std::string(); };
    table.add_row({fact(pod.uuid.short_form()), fact(pod.name), app == nullptr ? "-" : app->name,
                   app == nullptr ? "-" : app->image_name.value_or("--"), glance.text,
                   fact(time(pod.created_at)), fact(time(pod.started_at)),
                   fact(networks_text(pod.networks))});
    table.set_tone(kState, glance.tone);
  };
  for (const PodInfo& pod : pods) {
    if (pod.apps.empty()) add(pod, nullptr);
    for (const AppInfo& app : pod.apps) add(pod, &app);
  }
  std::vector<ColumnFit> fits(kNetworks + 1);
  fits[kName] = {.least = 10};
  fits[kApp] = {.least = 10};
  fits[kImage] = {.least = 18, .leaves = 1, .keep_end = true};
  fits[kCreated] = {.leaves = 2};
  fits[kStarted] = {.leaves = 4};
  fits[kNetworks] = {.least = 14, .leaves = 3};
  table.fit(std::move(fits));
  return table;
}

std::string status_headline(const PodInfo& pod, const Screen& screen) {
  std::string troubles;
  for (const AppInfo& app : pod.apps) {
    const Glance glance = glance_of(pod, &app);
    if (!is_trouble(glance)) continue;
    troubles += fmt::format("  app '{}': {}", printable(app.name), toned(glance.text, glance.tone, screen));
    if (app.life && !app.life->health_output.empty() && app.life->health == contract::Health::kUnhealthy)
      troubles += fmt::format(": {}", printable(trim(app.life->health_output)));
    troubles += "\n";
  }
  const Glance glance = glance_of_pod(pod);
  std::string text = fmt::format("pod {}: {}\n", called(pod), toned(glance.text, glance.tone, screen));
  if (troubles.empty()) return text;
  return text + troubles +
         fmt::format("  'logs {}' shows what was said\n",
                     pod.name.empty() ? pod.uuid.short_form() : pod.name);
}

}  // namespace agena::stage0
