// Stopping and removing apps, and what follows from their ends.
#include <signal.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "common/sys/cgroup.h"
#include "stage1/apps/app_setup.h"
#include "stage1/apps/mutable_apps.h"
#include "stage1/life/stop_rules.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

// What is waited for is told by the hub; of the answers only errors matter.
const ManagerLink::Done kIgnore = [](const Result<>& answer) -> Result<> {
  if (!answer) log::debug("the pod's systemd: {}", answer.error().to_string());
  return {};
};

}  // namespace

Nanoseconds MutableApps::own_grace(const Member& member) {
  return member.pod->apps.front().life.stop_timeout.value_or(life::kStopTimeout);
}

// --- end ---

bool MutableApps::is_stopping(const std::string& app) const {
  const auto found = members_.find(app);
  return found != members_.end() &&
         (found->second.state == State::kStopping || found->second.state == State::kRemoving);
}

void MutableApps::end(Member& member, const Result<>& for_starters) {
  parts_.loop.remove_timer(std::exchange(member.kill, 0));
  if (member.state != State::kRemoving) member.state = State::kIdle;
  answer_starters(member, for_starters);
  for (const ClientRef& stopper : std::exchange(member.stoppers, {})) stopper->answer({});
}

namespace {

// What is told to who waits for the program to start, when it has ended.
Result<> outcome(const std::string& app, const std::string& failure, int code) {
  if (!failure.empty()) return fail(ErrorKind::kSystem, "{}", failure);
  return fail(ErrorKind::kSystem, "app '{}' ended with exit code {} before its program ran", app, code);
}

}  // namespace

void MutableApps::answer_starters(Member& member, const Result<>& answer) {
  for (const ClientRef& starter : std::exchange(member.starters, {})) starter->answer(answer);
}

void MutableApps::put_off(const std::string& app, int code) {
  Member& member = members_.at(app);
  if (member.state == State::kStarting) member.state = State::kRunning;
  answer_starters(member, outcome(app, std::exchange(member.failure, {}), code));
}

Result<> MutableApps::ended(const std::string& app, int code) {
  const auto found = members_.find(app);
  if (found == members_.end()) return {};
  Member& member = found->second;
  const Result<> stopped = fail(ErrorKind::kBusy, "app '{}' was stopped before its program ran", app);
  end(member, is_stopping(app) ? stopped : outcome(app, member.failure, code));
  if (member.state == State::kRemoving) clear(app);
  return {};
}

void MutableApps::stop_units(const Member& member) {
  const PodApp& app = member.pod->apps.front();
  if (listens_in_pod(*member.pod, app))
    for (const std::string& unit : socket_unit_names(app)) manager_.stop_unit(unit, kIgnore);
  manager_.stop_unit(service_unit(app.name()), [this, name = app.name()](const Result<>& answer) -> Result<> {
    if (answer || answer.error().kind() != ErrorKind::kNotFound) return kIgnore(answer);
    if (!is_stopping(name) || parts_.ends.has_ended(name)) return {};
    // It was stopped before it was started; or its recorder was killed with it.
    const int killed = contract::exit_code_of_signal(SIGKILL);
    return events_.account(name, parts_.ends.has_started(name) ? killed : 0);
  });
}

void MutableApps::kill_later(Member& member, const std::string& app, Nanoseconds grace) {
  parts_.loop.remove_timer(member.kill);
  member.kill = parts_.loop.add_timer(monotonic_now() + grace, [this, app]() -> Result<> {
    (void)sys::kill_cgroup(parts_.cgroup.dir(), parts_.cgroup.service_cgroup(app));
    ask_later(members_.at(app), app);
    return {};
  });
}

// Among what was killed may have been the recorder: then only systemd knows that the app has ended.
void MutableApps::ask_later(Member& member, const std::string& app) {
  member.kill = parts_.loop.add_timer(monotonic_now() + kSecond, [this, app]() -> Result<> {
    Member& known = members_.at(app);
    ask_later(known, app);
    stop_units(known);
    return {};
  });
}

// systemd asks the app to end and kills it when its time is over; a shorter time is ours to keep.
Result<> MutableApps::begin_stop(Member& member, const std::string& app, std::optional<Nanoseconds> grace) {
  if (member.state != State::kRemoving) member.state = State::kStopping;
  const auto code = TRY(parts_.life.stop(app));
  stop_units(member);
  if (!grace && member.unit_grace) grace = own_grace(member);
  if (grace) kill_later(member, app, *grace);
  // It waited for its restart, or for somebody to connect.
  if (code) return events_.account(app, *code);
  return listens_in_pod(*member.pod, member.pod->apps.front()) && !parts_.ends.has_started(app)
             ? events_.account(app, 0)
             : Result<>();
}

void MutableApps::stop(const Order& order, const ClientRef& client) {
  const auto found = members_.find(order.app);
  if (found == members_.end()) return client->answer(unknown(order.app));
  Member& member = found->second;
  const bool idle = member.state == State::kIdle || member.state == State::kAdding;
  if (idle) return client->answer({});
  member.stoppers.push_back(client);
  if (member.state == State::kRemoving) return;
  const State former = member.state;
  const Nanoseconds systemds = member.unit_grace.value_or(own_grace(member));
  Result<> begun;
  if (order.grace && *order.grace > systemds && !member.worker) {
    // systemd would not wait so long: it is told.
    Pod patient = *member.pod;
    patient.apps.front().life.stop_timeout = member.unit_grace = *order.grace;
    begun = work(
        member, order.app, [this, &patient] { return rewrite_app(place(), patient); },
        [this, name = order.app, grace = *order.grace](const Result<>& result) -> Result<> {
          if (!result)
            log::warning("app '{}': its time to end is not changed: {}", name, result.error().to_string());
          manager_.reload([this, name, grace](const Result<>&) -> Result<> {
            // It may have ended by itself meanwhile, and may have been started again.
            const auto known = members_.find(name);
            const bool wanted = known != members_.end() && !known->second.stoppers.empty();
            return wanted ? begin_stop(known->second, name, grace) : Result<>();
          });
          return {};
        });
  } else {
    begun = begin_stop(member, order.app, order.grace);
  }
  if (begun) return;
  member.state = former;
  for (const ClientRef& stopper : std::exchange(member.stoppers, {})) stopper->answer(begun);
}

// --- remove ---

void MutableApps::remove(const Order& order, const ClientRef& client) {
  const auto found = members_.find(order.app);
  if (found == members_.end()) return client->answer({});
  Member& member = found->second;
  const bool idle = member.state == State::kIdle;
  member.state = State::kRemoving;
  member.remover = client;
  if (idle) return clear(order.app);
  if (const auto begun = begin_stop(member, order.app, 0); !begun) {
    member.state = State::kRunning;
    std::exchange(member.remover, {})->answer(begun);
    run_waiting(order.app);
  }
}

// No program of the app runs any more.
void MutableApps::clear(const std::string& app) {
  Member& member = members_.at(app);
  const auto done = [this, app](const Result<>& result) -> Result<> {
    const ClientRef client = members_.at(app).remover;
    if (result) {
      forget(app);
    } else {
      Member& kept = members_.at(app);
      kept.state = State::kIdle;
      end(kept, result);
    }
    client->answer(result);
    return {};
  };
  const auto begun = work(member, app, [this, &member] { return clear_app(place(), *member.pod); }, done);
  if (begun) return;
  (void)done(begun);
  run_waiting(app);
}

// --- the pod ---

Nanoseconds MutableApps::patience() const {
  Nanoseconds longest = 0;
  for (const auto& [name, member] : members_)
    if (!parts_.ends.has_ended(name)) longest = std::max(longest, stop_patience(*member.pod));
  return longest;
}

void MutableApps::stop() {
  stopping_ = true;
  // Whoever says hello now is refused.
  for (const auto& [name, member] : members_)
    if (!parts_.ends.has_started(name)) (void)parts_.ends.note(name, 0);
}

}  // namespace agena::stage1
