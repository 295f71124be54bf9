#include "stage1/run/app_rows.h"

#include "common/base/trace.h"

namespace agena::stage1 {

using trace::Lane;

void AppRows::hello(const stage2::HubHello& hello, pid_t process) {
  if (!trace::enabled()) return;
  const bool is_app = hello.role == stage2::Role::kApp;
  if (is_app) processes_[hello.app] = process;
  const std::string name = is_app ? fmt::format("app {}", hello.app)
                                  : fmt::format("{} of app {}", stage2::to_string(hello.role), hello.app);
  trace::append(trace::render_names({process, Lane::kStage2}, name));
}

void AppRows::steps(const stage2::HubSteps& steps, pid_t process) {
  if (!trace::enabled()) return;
  std::string events;
  for (const trace::Span& span : steps.spans) events += trace::render_span({process, Lane::kStage2}, span);
  trace::append(events);
}

void AppRows::launched(const std::string& app) {
  if (!trace::enabled()) return;
  const auto found = processes_.find(app);
  if (found == processes_.end()) return;
  const trace::Row row{found->second, Lane::kApp};
  running_[app] = found->second;
  trace::append(trace::render_names(row, {}) +
                trace::render_begin(row, fmt::format("app '{}' runs", app), monotonic_now()));
}

void AppRows::ended(const std::string& app) {
  const auto found = running_.find(app);
  if (found == running_.end()) return;
  trace::append(trace::render_end({found->second, Lane::kApp}, monotonic_now()));
  running_.erase(found);
}

void AppRows::systemd_started(pid_t process) {
  if (trace::enabled()) trace::append(trace::render_end({process, Lane::kSystemd}, monotonic_now()));
}

}  // namespace agena::stage1
