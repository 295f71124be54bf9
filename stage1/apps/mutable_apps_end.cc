// Stopping and removing apps, and what follows from their ends.
#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
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
    // It was stopped before it was started; or it has ended, which then is accounted for.
    const bool waited_for = is_stopping(name) && !parts_.ends.has_ended(name);
    return waited_for ? events_.account(name, 0) : Result<>();
  });
}

void MutableApps::kill_later(Member& member, const std::string& app, Nanoseconds grace) {
  constexpr Nanoseconds kAgain = kSecond / 10;
  parts_.loop.remove_timer(member.kill);
  member.kill = parts_.loop.add_timer(monotonic_now() + grace, [this, app]() -> Result<> {
    (void)sys::kill_cgroup(parts_.cgroup.dir(), parts_.cgroup.service_cgroup(app));
    // What is started meanwhile (a handler) is killed too.
    kill_later(members_.at(app), app, kAgain);
    return {};
  });
}

// systemd asks the app to end and kills it when its time is over; a shorter time is ours to keep.
Result<> MutableApps::begin_stop(Member& member, const std::string& app, std::optional<Nanoseconds> grace) {
  if (member.state != State::kRemoving) member.state = State::kStopping;
  const auto code = TRY(parts_.life.stop(app));
  stop_units(member);
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
  const PodApp& app = member.pod->apps.front();
  const Nanoseconds own = app.life.stop_timeout.value_or(life::kStopTimeout);
  Result<> begun;
  if (order.grace && *order.grace > own && !member.worker) {
    // systemd would not wait so long: it is told.
    member.pod->apps.front().life.stop_timeout = *order.grace;
    begun = work(
        member, order.app, [this, &member] { return rewrite_app(place(), *member.pod); },
        [this, name = order.app](const Result<>& result) -> Result<> {
          if (!result)
            log::warning("app '{}': its time to end is not changed: {}", name, result.error().to_string());
          manager_.reload([this, name](const Result<>&) -> Result<> {
            const auto known = members_.find(name);
            const bool runs = known != members_.end() && known->second.state != State::kIdle;
            return runs ? begin_stop(known->second, name, std::nullopt) : Result<>();
          });
          return {};
        });
  } else {
    begun = begin_stop(member, order.app, order.grace);
  }
  if (!begun) end(member, begun);
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
    if (result)
      forget(app);
    else
      members_.at(app).state = State::kIdle;
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
