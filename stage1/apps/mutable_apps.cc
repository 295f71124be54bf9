#include "stage1/apps/mutable_apps.h"

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/stage2/process_limits.h"
#include "common/stage2/volumes.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "stage1/iohub/stream_settings.h"
#include "stage1/net/port_map.h"
#include "stage1/plan/devices.h"
#include "stage1/plan/resources.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

CgroupLimits limits_of_app(const PodLimits& limits, const std::string& app) {
  const auto found = limits.apps.find(app);
  return found == limits.apps.end() ? CgroupLimits() : found->second;
}

// One app of a pod as a pod of its own.
Result<std::unique_ptr<Pod>> pod_of_app(const sys::DirFd& pod_dir, const Pod& pod,
                                        schema::PodManifest manifest, const std::string& app) {
  std::erase_if(manifest.apps, [&](const schema::RuntimeApp& one) { return one.name.str() != app; });
  if (manifest.apps.empty()) return fail(ErrorKind::kNotFound, "the pod has no app '{}'", printable(app));
  auto one = std::make_unique<Pod>(Pod{.uuid = pod.uuid,
                                       .options = pod.options,
                                       .manifest = std::move(manifest),
                                       .apps = {},
                                       .apps_with_sockets = {}});
  one->apps.push_back(TRY(stage2::load_pod_app(pod_dir, one->manifest.apps.front())));
  return one;
}

}  // namespace

std::unexpected<Error> MutableApps::unknown(const std::string& app) {
  return fail(ErrorKind::kNotFound, "the pod has no app '{}'", printable(app));
}

MutableApps::MutableApps(const PodParts& parts, Events events)
    : parts_(parts), events_(std::move(events)), manager_(parts.loop) {}

Result<std::unique_ptr<MutableApps>> MutableApps::open(const PodParts& parts, Events events) {
  std::unique_ptr<MutableApps> apps(new MutableApps(parts, std::move(events)));
  Client nobody{sys::UniqueFd()};
  for (const schema::RuntimeApp& app : parts.pod.manifest.apps)
    TRY_CTX(
        apps->take_in(TRY(pod_of_app(parts.pod_dir, parts.pod, parts.pod.manifest, app.name.str())), nobody),
        "app '{}'", app.name.str());
  return apps;
}

Result<> MutableApps::serve(pid_t init) {
  init_ = init;
  server_ =
      TRY(OrderServer::open(parts_.loop, parts_.pod_dir, [this](const Order& order, const ClientRef& client) {
        return on_order(order, client);
      }));
  return {};
}

Result<> MutableApps::on_order(const Order& order, const ClientRef& client) {
  struct Row {
    OrderKind kind;
    void (MutableApps::*run)(const Order&, const ClientRef&);
  };
  static constexpr std::array kOrders = {
      Row{OrderKind::kAdd, &MutableApps::add},       Row{OrderKind::kRemove, &MutableApps::remove},
      Row{OrderKind::kStart, &MutableApps::start},   Row{OrderKind::kStop, &MutableApps::stop},
      Row{OrderKind::kUpdate, &MutableApps::update},
  };
  log::debug("order: {} '{}'", name_of(order.kind), order.app);
  if (stopping_)
    client->answer(fail(ErrorKind::kBusy, "the pod is being stopped"));
  else if (must_wait(order))
    waiting_[order.app].emplace_back(order, client);
  else
    (this->*std::ranges::find(kOrders, order.kind, &Row::kind)->run)(order, client);
  return {};
}

// Whoever gave the order that is being carried out may have been killed meanwhile, and the next one clears up
// behind it: that shall not find the app in use.
bool MutableApps::must_wait(const Order& order) const {
  if (order.kind == OrderKind::kStart || order.kind == OrderKind::kStop) return false;
  const auto found = members_.find(order.app);
  return found != members_.end() && (found->second.worker || found->second.state == State::kRemoving);
}

void MutableApps::run_waiting(const std::string& app) {
  const auto found = waiting_.find(app);
  if (found == waiting_.end()) return;
  const auto orders = std::move(found->second);
  waiting_.erase(found);
  for (const auto& [order, client] : orders) (void)on_order(order, client);  // answers for itself
}

Result<std::unique_ptr<Pod>> MutableApps::load(const std::string& manifest, const std::string& app) const {
  const std::string text = TRY_CTX(sys::read_file(parts_.pod_dir, manifest), "the pod's manifest");
  return pod_of_app(parts_.pod_dir, parts_.pod, TRY(codec::parse_pod_manifest(text)), app);
}

// Most apps are started right after they were added, and systemd then moves a process into the app's cgroup:
// the wait for the kernel that this costs is over by then, if somebody has begun it earlier.
void MutableApps::warm_up() {
  if (warmer_) return;
  auto started = PodWorker::start(
      parts_.loop,
      [this]() -> Result<> {
        parts_.cgroup.warm_up();
        return {};
      },
      [this](const Result<>&) -> Result<> {
        warmer_.reset();
        return {};
      });
  if (started) warmer_ = std::move(*started);
}

// --- add ---

// What the host and the pod let the app have.
Result<> MutableApps::allow(Member& member, Client& client) {
  const Pod& pod = *member.pod;
  const PodApp& app = pod.apps.front();
  std::vector<std::string> warnings;
  for (const std::string& isolator : unknown_isolators(pod)) warnings.push_back("warning: " + isolator);
  for (const std::string& problem : TRY(limit_problems(pod))) {
    if (!pod.options.waive_limits)
      return std::unexpected(Error(ErrorKind::kUnsupported, problem).with_hint(stage2::kLimitsHint));
    warnings.push_back(problem);
  }
  for (const std::string& volume :
       stage2::implicit_volume_warnings(TRY(stage2::mounts_of_app(pod.manifest, app))))
    warnings.push_back(fmt::format("warning: app '{}': {}", app.name(), volume));
  std::ranges::move(TRY(parts_.cgroup.set_app(app.name(), limits_of_app(TRY(limits_of(pod)), app.name()),
                                              pod.options.waive_limits)),
                    std::back_inserter(warnings));
  if (parts_.devices) member.devices = TRY(devices_of(pod, app));
  TRY(allow_devices());
  client.warn(std::move(warnings));
  return {};
}

Result<> MutableApps::forward_ports(const Member& member) {
  const std::string& app = member.pod->apps.front().name();
  auto ports = TRY(port_mappings(member.pod->manifest, member.pod->apps, app));
  if (ports.empty()) return {};
  if (parts_.ports == nullptr)
    return fail(ErrorKind::kInvalidInput,
                "--port does not work with the networks 'none' and 'host', which this pod has");
  return parts_.ports->add(app, std::move(ports));
}

// Those of all apps, for the policy is the pod's.
Result<> MutableApps::allow_devices() {
  if (!parts_.devices) return {};
  std::vector<DeviceRule> rules;
  for (const auto& [name, member] : members_)
    rules.insert(rules.end(), member.devices.begin(), member.devices.end());
  return parts_.devices->allow(parts_.cgroup.dir(), rules);
}

// Makes the supervisor's side of an app; nothing of it stays on failure.
Result<> MutableApps::take_in(std::unique_ptr<Pod> pod, Client& client) {
  const std::string app = pod->apps.front().name();
  Member& member = members_[app];
  member.pod = std::move(pod);
  const auto take = [&]() -> Result<> {
    parts_.ends.add_member(app);
    TRY(allow(member, client));
    TRY(forward_ports(member));
    TRY(parts_.hub.add_app(std::move(TRY(stream_settings(*member.pod, parts_.console_is_journal)).front())));
    return parts_.life.add(*member.pod);
  };
  const auto taken = take();
  if (!taken) forget(app);
  return taken;
}

void MutableApps::forget(const std::string& app) {
  parts_.life.remove(app);
  if (const auto removed = parts_.hub.remove_app(app); !removed)
    log::debug("app '{}': {}", app, removed.error().to_string());
  if (const auto removed = parts_.cgroup.remove_app(app); !removed)
    log::debug("app '{}': {}", app, removed.error().to_string());
  if (parts_.ports != nullptr)
    if (const auto removed = parts_.ports->remove(app); !removed)
      log::warning("app '{}': {}", app, removed.error().to_string());
  parts_.ends.remove_member(app);
  // Who wanted it stopped while it was being removed.
  if (const auto found = members_.find(app); found != members_.end()) end(found->second, unknown(app));
  members_.erase(app);
  if (const auto allowed = allow_devices(); !allowed)
    log::warning("devices of app '{}' stay allowed: {}", app, allowed.error().to_string());
}

Result<> MutableApps::work(Member& member, const std::string& app, const std::function<Result<>()>& body,
                           const PodWorker::Done& done) {
  const auto ended = [this, app, done](const Result<>& result) -> Result<> {
    // The worker is not needed any more, and `done` may drop the app.
    const auto keep = std::move(members_.at(app).worker);
    TRY(done(result));
    run_waiting(app);
    return {};
  };
  member.worker = TRY(PodWorker::start(parts_.loop, body, ended));
  return {};
}

void MutableApps::add(const Order& order, const ClientRef& client) {
  if (const auto known = members_.find(order.app); known != members_.end()) {
    if (known->second.state != State::kIdle)
      return client->answer(fail(ErrorKind::kBusy, "app '{}' is in use", order.app));
    forget(order.app);  // of an add that was not finished
  }
  const auto begin = [&]() -> Result<> {
    TRY(take_in(TRY(load(order.manifest, order.app)), *client));
    Member& member = members_.at(order.app);
    member.state = State::kAdding;
    TRY(work(
        member, order.app, [this, &member] { return set_up_app(place(), *member.pod); },
        [this, client, app = order.app](const Result<>& result) -> Result<> {
          if (result)
            members_.at(app).state = State::kIdle;
          else
            forget(app);
          client->answer(result);
          return {};
        }));
    warm_up();
    return {};
  };
  if (const auto begun = begin(); !begun) {
    if (members_.contains(order.app)) forget(order.app);
    client->answer(begun);
  }
}

// --- start ---

void MutableApps::start(const Order& order, const ClientRef& client) {
  const auto found = members_.find(order.app);
  if (found == members_.end()) return client->answer(unknown(order.app));
  Member& member = found->second;
  switch (member.state) {
    case State::kRunning:
    case State::kListening:
      return client->answer({});
    case State::kStarting:
      return member.starters.push_back(client);
    case State::kIdle:
      break;
    case State::kAdding:
    case State::kStopping:
    case State::kRemoving:
      return client->answer(fail(ErrorKind::kBusy, "app '{}' is being {}", order.app,
                                 member.state == State::kAdding     ? "added"
                                 : member.state == State::kStopping ? "stopped"
                                                                    : "removed"));
  }
  member.starters.push_back(client);
  if (const auto begun = begin(member, order.app); !begun) end(member, begun);
}

Result<> MutableApps::begin(Member& member, const std::string& app) {
  TRY(sys::remove_file(parts_.root, paths::app_status(app)));
  TRY(sys::remove_file(parts_.root, paths::app_oom_kills(app)));
  events_.renew(app);
  parts_.ends.begin_member(app);
  parts_.life.renew(app);
  parts_.hub.renew_app(app);
  member.failure.clear();
  member.state = State::kStarting;
  std::vector<std::string> units = {service_unit(app)};
  const bool listens = listens_in_pod(*member.pod, member.pod->apps.front());
  if (listens) units = socket_unit_names(member.pod->apps.front());
  const auto left = std::make_shared<std::size_t>(units.size());
  const auto told = [this, app, listens, left](const Result<>& answer) -> Result<> {
    const auto found = members_.find(app);
    if (found == members_.end() || found->second.state != State::kStarting) return {};
    if (!answer) {
      found->second.failure = answer.error().to_string();
      return events_.account(app, 1);
    }
    // Its program is started when somebody connects.
    if (--*left > 0 || !listens) return {};
    found->second.state = State::kListening;
    answer_starters(found->second, {});
    return {};
  };
  for (const std::string& unit : units) manager_.start_unit(unit, told);
  return {};
}

Result<> MutableApps::launched(const std::string& app) {
  const auto found = members_.find(app);
  if (found == members_.end()) return {};
  Member& member = found->second;
  if (member.state == State::kStarting) member.state = State::kRunning;
  answer_starters(member, {});
  return {};
}

void MutableApps::failed(const stage2::HubFailed& failure) {
  if (const auto found = members_.find(failure.app); found != members_.end())
    found->second.failure = failure.text;
}

// --- update ---

void MutableApps::update(const Order& order, const ClientRef& client) {
  const auto found = members_.find(order.app);
  if (found == members_.end()) return client->answer(unknown(order.app));
  Member& member = found->second;
  auto loaded = load(order.manifest, order.app);
  if (!loaded) return client->answer(std::unexpected(loaded.error()));
  // Who knows the app keeps knowing the same object.
  schema::App& app = member.pod->apps.front().app;
  const auto former = std::exchange(app.isolators, (*loaded)->apps.front().app.isolators);
  const auto back = [this, former, name = order.app](const Result<>& result) {
    Member& restored = members_.at(name);
    restored.pod->apps.front().app.isolators = former;
    Client nobody{sys::UniqueFd()};
    if (const auto undone = allow(restored, nobody); !undone)
      log::warning("app '{}': its limits are not put back: {}", name, undone.error().to_string());
    return result;
  };
  Result<> begun = allow(member, *client);
  if (begun)
    begun = work(
        member, order.app, [this, &member] { return rewrite_app(place(), *member.pod); },
        [this, client, back](const Result<>& written) -> Result<> {
          if (!written) {
            client->answer(back(written));
            return {};
          }
          // systemd gives the limits to what runs.
          manager_.reload([client](const Result<>& reloaded) -> Result<> {
            client->answer(reloaded);
            return {};
          });
          return {};
        });
  if (!begun) client->answer(back(begun));
}

}  // namespace agena::stage1
