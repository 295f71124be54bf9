#include "stage1/life/pod_life.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/cgroup.h"
#include "common/sys/fs.h"
#include "common/sys/notify.h"
#include "stage1/life/stop_rules.h"
#include "stage1/run/service_cgroup.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

// How long after an app has said its status that is passed on: it may say it often.
constexpr Nanoseconds kStatusPause = kSecond / 5;

// The code of an app that ended well when it was to end because it was unhealthy.
constexpr int kExitUnhealthy = 1;

}  // namespace

PodLife::PodLife(sys::EventLoop& loop, const sys::DirFd& root, const Pod& pod, HostNotifier& host,
                 LifeEvents events)
    : loop_(loop), root_(root), host_(host), events_(std::move(events)) {
  for (const PodApp& app : pod.apps) enter(pod, app, /*member=*/false);
}

void PodLife::enter(const Pod& pod, const PodApp& app, bool member) {
  Life fresh{.app = &app, .on_demand = listens_in_pod(pod, app), .course = AppCourse(app.life.restart)};
  fresh.member = member;
  Life& life = lives_.emplace(app.name(), std::move(fresh)).first->second;
  if (!app.life.health) return;
  life.health.emplace(*app.life.health);
  life.status.health = Health::kStarting;
}

void PodLife::forget_timers(Life& life) {
  stop_checks(life);
  for (auto* timer : {&life.restart, &life.tell_status}) loop_.remove_timer(std::exchange(*timer, 0));
}

PodLife::~PodLife() {
  for (auto& [name, life] : lives_) {
    forget_timers(life);
    if (life.notify) loop_.remove(life.notify.get());
  }
}

bool PodLife::recorded(const Life& life) { return life.member || life.app->life.has_course(); }

Result<> PodLife::open() {
  for (auto& [name, life] : lives_) TRY(open(name, life));
  return {};
}

Result<> PodLife::open(const std::string& name, Life& life) {
  if (!recorded(life)) return {};
  TRY(sys::make_dirs(root_, contract::pod_paths::kLifeDir));
  TRY(record(name, life));
  if (life.app->life.notifies) TRY_CTX(listen(name, life), "app '{}'", name);
  return {};
}

// --- apps of mutable pods ---

Result<> PodLife::add(const Pod& pod) {
  const PodApp& app = pod.apps.front();
  enter(pod, app, /*member=*/true);
  Life& life = lives_.at(app.name());
  life.stopping = true;  // until somebody starts it
  life.course.end_for_good();
  // What it did in an earlier run of the pod.
  if (const auto earlier = contract::read_app_life(root_, app.name()); earlier && *earlier) {
    life.status.last_exit_code = (*earlier)->last_exit_code;
    life.status.last_exit_at = (*earlier)->last_exit_at;
    life.status.last_signal = (*earlier)->last_signal;
    life.status.started_at = (*earlier)->started_at;
  }
  return open(app.name(), life);
}

void PodLife::remove(const std::string& app) {
  const auto found = lives_.find(app);
  if (found == lives_.end()) return;
  Life& life = found->second;
  forget_timers(life);
  if (life.notify) loop_.remove(life.notify.get());
  lives_.erase(found);
  // Without them nothing is wrong but the look of things.
  (void)sys::remove_file(root_, contract::pod_paths::app_life(app));
  (void)sys::remove_file(root_, notify_socket(app));
}

void PodLife::renew(const std::string& app) {
  Life& life = lives_.at(app);
  forget_timers(life);
  life.course = AppCourse(life.app->life.restart);
  life.stopping = life.said_ready = life.terminating = false;
  if (life.health) life.status.health = Health::kStarting;
}

Result<std::optional<int>> PodLife::stop(const std::string& app) {
  Life& life = lives_.at(app);
  life.stopping = true;
  return stop(app, life);
}

// Nothing is checked any more, and a restart that was put off is called off.
Result<std::optional<int>> PodLife::stop(const std::string& name, Life& life) {
  stop_checks(life);
  loop_.remove_timer(std::exchange(life.restart, 0));
  if (life.course.state() != AppCourse::State::kPutOff) return std::optional<int>();
  life.course.end_for_good();
  life.status.restart_at.reset();
  TRY(record(name, life));
  TRY(events_.admit(name, false));
  return std::optional(life.course.last_code());
}

bool PodLife::waited_for(const Life& life) const { return life.app->life.notifies || life.health; }

bool PodLife::ready(const Life& life) const {
  return (!life.app->life.notifies || life.said_ready) &&
         (!life.health || life.status.health == Health::kHealthy);
}

bool PodLife::all_ready() const {
  return std::ranges::all_of(lives_, [&](const auto& row) {
    const Life& life = row.second;
    const bool asleep = life.on_demand && life.course.state() == AppCourse::State::kNew;
    return ready(life) || asleep || life.course.state() == AppCourse::State::kEnded;
  });
}

// A disk that is full must end neither the pod nor the account of the app.
Result<> PodLife::record(const std::string& name, const Life& life) const {
  if (!recorded(life)) return {};
  contract::AppLifeStatus status = life.status;
  status.restarts = life.course.restarts();
  if (waited_for(life)) status.ready = ready(life);
  if (const auto written = contract::write_app_life(root_, name, status); !written)
    log::warning("what became of app '{}' is not recorded: {}", name, written.error().to_string());
  return {};
}

// --- start and end ---

Result<> PodLife::begin(const std::string& app, pid_t process) {
  Life& life = lives_.at(app);
  if (!recorded(life)) return {};
  const Nanoseconds at = monotonic_now();
  life.course.begin(at);
  life.status.started_at = now();
  life.status.restart_at.reset();
  if (life.health && !stopping_ && !life.stopping) {
    // It may be gone again.
    if (auto opened = sys::open_pidfd(process)) life.process = *std::move(opened);
    life.health->start(at);
    schedule_check(app, life);
  }
  return record(app, life);
}

Result<> PodLife::ask_admission(const std::string& app) {
  Life& life = lives_.at(app);
  if (stopping_ || life.stopping || life.course.state() == AppCourse::State::kEnded)
    return events_.admit(app, false);
  if (life.course.state() != AppCourse::State::kPutOff) return events_.admit(app, true);
  loop_.remove_timer(life.restart);
  life.restart = loop_.add_timer(life.course.restart_at(), [this, app] { return events_.admit(app, true); });
  return {};
}

Result<std::optional<int>> PodLife::end(const std::string& app, int code, const std::string& signal) {
  Life& life = lives_.at(app);
  const Nanoseconds at = monotonic_now();
  stop_checks(life);
  life.process.reset();
  life.said_ready = false;
  if (std::exchange(life.terminating, false) && code == 0) code = kExitUnhealthy;
  life.course.end(code, code != 0, stopping_ || life.stopping, at);
  life.status.last_exit_code = code;
  life.status.last_signal = signal;
  life.status.last_exit_at = now();
  const bool again = life.course.state() == AppCourse::State::kPutOff;
  if (again) {
    life.status.restart_at = *life.status.last_exit_at + (life.course.restart_at() - at);
    if (life.health) life.status.health = Health::kStarting;
    log::debug("app '{}' starts again in {} ms", app, (life.course.restart_at() - at) / 1'000'000);
  }
  TRY(record(app, life));
  TRY(events_.readiness());
  return again ? std::nullopt : std::optional(code);
}

Result<std::vector<std::pair<std::string, int>>> PodLife::stop() {
  stopping_ = true;
  std::vector<std::pair<std::string, int>> ended;
  for (auto& [name, life] : lives_) {
    if (const auto code = TRY(stop(name, life))) ended.emplace_back(name, *code);
  }
  return ended;
}

// --- readiness ---

// A socket for each app, which nobody else can reach: it is bound into the app's /dev. Writable by any user
// of the app.
Result<> PodLife::listen(const std::string& name, Life& life) {
  const std::string path = notify_socket(name);
  life.notify = TRY(sys::listen_notify(root_, path));
  if (::fchmodat(root_.get(), path.c_str(), 0666, 0) != 0) return sys_fail("opening its notification socket");
  return loop_.add(life.notify.get(), EPOLLIN, [this, name](std::uint32_t) { return on_notify(name); });
}

Result<> PodLife::on_notify(const std::string& name) {
  Life& life = lives_.at(name);
  const NotifyState state = parse_notify_state(TRY(sys::receive_notify(life.notify)));
  if (state.status) note_status(name, life, *state.status);
  if (state.extend_usec && may_tell(life)) host_.tell("EXTEND_TIMEOUT_USEC=" + *state.extend_usec);
  // A reload ends with READY=1, which the host's manager wants to hear again.
  if (state.reloading && may_tell(life)) host_.tell_reloading();
  if (!state.ready) return {};
  if (life.said_ready) {
    if (may_tell(life)) host_.tell("READY=1");
    return {};
  }
  life.said_ready = true;
  TRY(record(name, life));
  return events_.readiness();
}

// An app that says more than anybody wants to hear does not flood the host's manager.
bool PodLife::may_tell(Life& life) {
  constexpr int kMostASecond = 20;
  const Nanoseconds now = monotonic_now();
  if (now - life.told_since >= kSecond) {
    life.told_since = now;
    life.told = 0;
  }
  return ++life.told <= kMostASecond;
}

void PodLife::note_status(const std::string& name, Life& life, const std::string& text) {
  life.status.status_text = text;
  if (life.tell_status != 0) return;
  life.tell_status = loop_.add_timer(monotonic_now() + kStatusPause, [this, name]() -> Result<> {
    Life& said = lives_.at(name);
    said.tell_status = 0;
    host_.tell("STATUS=" + (lives_.size() == 1 ? "" : name + ": ") + said.status.status_text);
    return record(name, said);
  });
}

// --- health ---

void PodLife::schedule_check(const std::string& name, Life& life) {
  loop_.remove_timer(life.next_check);
  life.next_check = loop_.add_timer(life.health->next_check(), [this, name] { return check(name); });
}

Result<> PodLife::check(const std::string& name) {
  Life& life = lives_.at(name);
  life.next_check = 0;
  auto probe = HealthProbe::start(
      loop_, place_, name, life.app->life.health->timeout,
      [this, name](bool success, const std::string& output) { return checked(name, success, output); });
  if (probe) {
    life.probe = *std::move(probe);
    return {};
  }
  // An app that has just ended has no cgroup any more; its end is about to be told.
  return checked(name, false, probe.error().to_string());
}

Result<> PodLife::checked(const std::string& name, bool success, const std::string& output) {
  Life& life = lives_.at(name);
  life.probe.reset();
  const std::uint32_t failures = life.health->failures();
  const bool changed = life.health->checked(success, monotonic_now());
  life.status.health = life.health->health();
  life.status.health_failures = life.health->failures();
  life.status.health_output = success ? "" : output;
  if (changed || failures != life.health->failures()) TRY(record(name, life));
  schedule_check(name, life);
  if (changed) TRY(events_.readiness());
  return life.status.health == Health::kUnhealthy ? terminate(name, life) : Result<>();
}

// As a stop of the pod would end it; its service then ends, and the course decides.
Result<> PodLife::terminate(const std::string& name, Life& life) {
  if (life.app->life.restart.when == life::RestartPolicy::When::kNo || !life.process) return {};
  if (std::exchange(life.terminating, true)) return {};
  log::warning("app '{}' is unhealthy and is ended: {}", name, printable(trim(life.status.health_output)));
  const Nanoseconds grace = life.app->life.stop_timeout.value_or(life::kStopTimeout);
  life.kill = loop_.add_timer(monotonic_now() + grace, [this, name] {
    return sys::kill_cgroup(*place_.cgroup, service_cgroup(*place_.cgroup, name));
  });
  return sys::send_signal(life.process, stop_signal_of(*life.app));
}

void PodLife::stop_checks(Life& life) {
  life.probe.reset();
  loop_.remove_timer(std::exchange(life.next_check, 0));
  loop_.remove_timer(std::exchange(life.kill, 0));
}

}  // namespace agena::stage1
