#include "stage1/run/pod_cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/pod_paths.h"
#include "common/stage2/process_limits.h"
#include "common/sys/cgroup.h"
#include "common/sys/fs.h"
#include "stage1/run/controllers.h"
#include "stage1/run/limit_files.h"
#include "stage1/run/service_cgroup.h"

namespace agena::stage1 {
namespace {

std::string joined(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : parent + "/" + name;
}

// The prefix keeps an app named "tasks" apart from the kernel's file.
std::string app_cgroup(const std::string& app) { return "app-" + app; }

std::unexpected<Error> not_enforced(std::string text) {
  return std::unexpected(Error(ErrorKind::kUnsupported, std::move(text)).with_hint(stage2::kLimitsHint));
}

// Who wants something of a controller.
std::vector<std::string> owners_of(const PodLimits& limits, Controller controller) {
  std::vector<std::string> owners;
  if (limits.pod.uses(controller)) owners.emplace_back("the pod");
  for (const auto& [app, of_app] : limits.apps)
    if (of_app.uses(controller)) owners.push_back("app '" + app + "'");
  return owners;
}

Result<> write_limits(const sys::DirFd& cgroup, const std::vector<LimitFile>& files,
                      const std::string& owner) {
  for (const LimitFile& file : files) {
    const auto fd = sys::open_at(cgroup, file.name, O_WRONLY);
    const Result<> written =
        fd ? sys::write_all(fd->get(), file.text) : Result<>(std::unexpected(fd.error()));
    if (!written)
      return not_enforced(fmt::format("{}: setting {} to '{}': {}", owner, file.name, file.text,
                                      written.error().to_string()));
  }
  return {};
}

}  // namespace

Result<PodCgroup> PodCgroup::make(const sys::DirFd& pod_dir, const Uuid& uuid, PodLimits limits, bool waive) {
  PodCgroup cgroup;
  cgroup.root_ = TRY(sys::open_cgroup2());
  cgroup.own_ = TRY(sys::own_cgroup2_path());
  cgroup.name_ = "agena-" + uuid.str() + ".scope";
  cgroup.path_ = joined(cgroup.own_, cgroup.name_);
  auto places = TRY(open_controllers(cgroup.root_, cgroup.own_, limits));
  cgroup.moved_ = places.moved;
  cgroup.v2_ = std::move(places.v2);
  cgroup.v1_ = std::move(places.v1);
  cgroup.missing_ = std::move(places.missing);
  TRY(cgroup.drop_missing(limits, waive, cgroup.warnings_));
  cgroup.limits_ = std::move(limits);
  TRY(cgroup.record(pod_dir));
  if (auto made = cgroup.make_all(); !made) {
    (void)cgroup.remove();  // or gc does
    return std::unexpected(std::move(made).error());
  }
  return cgroup;
}

Result<> PodCgroup::drop_missing(PodLimits& limits, bool waive, std::vector<std::string>& warnings) const {
  for (const auto& [controller, reason] : missing_) {
    for (const std::string& owner : owners_of(limits, controller)) {
      std::string text = fmt::format("{} of {} cannot be enforced: {}",
                                     row_for(kControllers, controller).limits, owner, reason);
      if (!waive) return not_enforced(std::move(text));
      warnings.push_back(std::move(text));
    }
    limits.drop(controller);
  }
  return {};
}

std::string PodCgroup::path_in(const sys::Cgroup1& hierarchy) const { return joined(hierarchy.own, name_); }

// A line for each hierarchy; the first is v2's, as rkt's record is.
Result<> PodCgroup::record(const sys::DirFd& pod_dir) const {
  std::string text = path_;
  for (const auto& [controller, hierarchy] : v1_)
    text += fmt::format("\n{}:{}", row_for(kControllers, controller).v1_name, path_in(hierarchy));
  return sys::replace_file(pod_dir, contract::pod_paths::kSubcgroup, text);
}

Result<> PodCgroup::make_all() {
  TRY_CTX(sys::make_dir(root_, path_), "making the pod's cgroup");
  dir_ = TRY(sys::open_dir(root_, path_));
  for (const Controller controller : v2_)
    TRY(write_limits(dir_, v2_files(controller, limits_.pod), "the pod"));
  for (const auto& [controller, hierarchy] : v1_) {
    const std::string pod = path_in(hierarchy);
    TRY_CTX(sys::make_dir(hierarchy.root, pod), "making the pod's cgroup for {}",
            row_for(kControllers, controller).v1_name);
    TRY(write_limits(TRY(sys::open_dir(hierarchy.root, pod)), v1_files(controller, limits_.pod), "the pod"));
  }
  for (const auto& [app, limits] : limits_.apps) TRY(limit_app(app, limits));
  return {};
}

// The app's cgroups in v1 hierarchies.
Result<> PodCgroup::limit_app(const std::string& app, const CgroupLimits& limits) const {
  for (const auto& [controller, hierarchy] : v1_) {
    if (!limits.uses(controller)) continue;
    const std::string path = joined(path_in(hierarchy), app_cgroup(app));
    TRY_CTX(sys::make_dir(hierarchy.root, path), "making a cgroup for app '{}'", app);
    TRY(write_limits(TRY(sys::open_dir(hierarchy.root, path)), v1_files(controller, limits),
                     "app '" + app + "'"));
  }
  return {};
}

// Those of its service, in our pid namespace; none if it does not run.
Result<std::vector<pid_t>> PodCgroup::processes_of(const std::string& app) const {
  std::vector<pid_t> pids;
  const auto text = sys::read_file(dir_, service_cgroup(app) + "/cgroup.procs");
  if (!text) return pids;
  for (const std::string& line : split(trim(*text), '\n'))
    if (!line.empty()) pids.push_back(static_cast<pid_t>(TRY(parse_int(line, 1, INT32_MAX))));
  return pids;
}

Result<std::vector<std::string>> PodCgroup::set_app(const std::string& app, CgroupLimits limits, bool waive) {
  std::vector<std::string> warnings;
  PodLimits one;
  one.apps.emplace(app, std::move(limits));
  TRY(drop_missing(one, waive, warnings));
  TRY(limit_app(app, one.apps.at(app)));
  limits_.apps.insert_or_assign(app, std::move(one.apps.at(app)));
  // A process may end while it is moved.
  for (const pid_t pid : TRY(processes_of(app)))
    if (const auto moved = place_app(app, pid); !moved && moved.error().sys_errno() != ESRCH)
      return std::unexpected(moved.error());
  return warnings;
}

Result<> PodCgroup::remove_app(const std::string& app) {
  limits_.apps.erase(app);
  for (const auto& [controller, hierarchy] : v1_)
    TRY(sys::remove_cgroup1(hierarchy.root, joined(path_in(hierarchy), app_cgroup(app))));
  return {};
}

std::string PodCgroup::service_cgroup(const std::string& app) const {
  return stage1::service_cgroup(dir_, app);
}

Result<> PodCgroup::place_first(pid_t pid) const {
  for (const auto& [controller, hierarchy] : v1_)
    if (limits_.pod.uses(controller)) TRY(sys::enter_cgroup(hierarchy.root, path_in(hierarchy), pid));
  return {};
}

Result<> PodCgroup::place_app(const std::string& app, pid_t pid) const {
  const auto limits = limits_.apps.find(app);
  for (const auto& [controller, hierarchy] : v1_) {
    const std::string pod = path_in(hierarchy);
    if (limits != limits_.apps.end() && limits->second.uses(controller))
      TRY(sys::enter_cgroup(hierarchy.root, joined(pod, app_cgroup(app)), pid));
    else if (limits_.pod.uses(controller))
      TRY(sys::enter_cgroup(hierarchy.root, pod, pid));
  }
  return {};
}

namespace {

bool is_gone(const Error& error) { return error.sys_errno() == ENOENT || error.sys_errno() == ENODEV; }

// The number behind "oom_kill " in a cgroup's memory.events (v2) or memory.oom_control (v1); none without
// such a file.
Result<OomCount> read_oom_kills(const sys::DirFd& root, const std::string& cgroup, const char* file) {
  const auto st = sys::stat_at(root, cgroup, 0);
  const auto text = sys::read_file(root, joined(cgroup, file));
  if ((!st && is_gone(st.error())) || (!text && is_gone(text.error()))) return OomCount{};
  if (!st) return std::unexpected(st.error());
  if (!text) return std::unexpected(text.error());
  for (const std::string& line : split(*text, '\n')) {
    const Cut parts = cut(line, ' ');
    if (parts.before == "oom_kill")
      return OomCount{.cgroup = st->st_ino, .kills = TRY(parse_uint(parts.after))};
  }
  return OomCount{};
}

}  // namespace

Result<OomCount> PodCgroup::oom_kills(const std::string& app) const {
  const auto limits = limits_.apps.find(app);
  if (limits == limits_.apps.end() || !limits->second.count_memory) return OomCount{};
  if (const auto v1 = v1_.find(Controller::kMemory); v1 != v1_.end())
    return read_oom_kills(v1->second.root, joined(path_in(v1->second), app_cgroup(app)),
                          "memory.oom_control");
  return read_oom_kills(dir_, service_cgroup(app), "memory.events");
}

Result<> PodCgroup::remove() const {
  TRY(sys::remove_cgroup(root_, path_));
  for (const auto& [controller, hierarchy] : v1_)
    TRY(sys::remove_cgroup1(hierarchy.root, path_in(hierarchy)));
  if (moved_) leave_leaf(root_, own_);
  return {};
}

// The first write to any cgroup.procs waits for an RCU grace period (10 to 15 ms) in the kernel; writes
// soon after it do not. A move of ourselves to where we are changes nothing, and takes the wait off
// systemd, which would have it when it moves itself and the apps; meanwhile pod-init and systemd get on. A
// refusal only means that the time is not saved.
void PodCgroup::warm_up() const {
  const std::string own = moved_ ? joined(own_, kSupervisorLeaf) : own_;
  auto procs = sys::open_at(root_, joined(own, "cgroup.procs"), O_WRONLY);
  if (procs) (void)sys::write_all(procs->get(), "0");
}

Result<> PodCgroup::delegate_to(uid_t root) const {
  // The kernel's own list of what is the manager's (Documentation/admin-guide/cgroup-v2.rst, "Delegation").
  const std::string files = TRY(sys::read_file(sys::at_cwd(), "/sys/kernel/cgroup/delegate"));
  std::vector<std::string> names = split(files, '\n');
  names.emplace_back(".");
  for (const std::string& name : names) {
    // Files of controllers that are off here do not exist.
    if (name.empty() || ::fchownat(dir_.get(), name.c_str(), root, root, 0) == 0 || errno == ENOENT) continue;
    return sys_fail("giving '{}' of the pod's cgroup to user {}", name, root);
  }
  return {};
}

}  // namespace agena::stage1
