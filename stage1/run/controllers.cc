#include "stage1/run/controllers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage1 {
namespace {

std::string below(const std::string& cgroup, std::string_view name) {
  return cgroup.empty() ? std::string(name) : fmt::format("{}/{}", cgroup, name);
}

Result<std::set<std::string>> read_words(const sys::DirFd& root, const std::string& path) {
  const auto words = split(trim(TRY(sys::read_file(root, path))), ' ');
  return std::set<std::string>(words.begin(), words.end());
}

Result<> write_control(const sys::DirFd& root, const std::string& path, const std::string& text) {
  const sys::UniqueFd file = TRY(sys::open_at(root, path, O_WRONLY));
  return sys::write_all(file.get(), text);
}

// Whether systemd has given the cgroup, or one above it, to its processes (systemd.resource-control(5),
// Delegate=): it then leaves what is below it alone.
bool is_delegated(const sys::DirFd& root, std::string cgroup) {
  while (!cgroup.empty()) {
    const auto dir = sys::open_dir(root, cgroup);
    if (!dir) return false;
    for (const char* mark : {"trusted.delegate", "user.delegate"}) {
      char value = 0;
      if (::fgetxattr(dir->get(), mark, &value, 1) == 1 && value == '1') return true;
    }
    const std::size_t slash = cgroup.rfind('/');
    cgroup.resize(slash == std::string::npos ? 0 : slash);
  }
  return false;
}

Result<bool> may_enable(const sys::DirFd& root, const std::string& own) {
  // Where systemd is the host's manager, cgroups that are not delegated are its own.
  if (!TRY(sys::exists(sys::at_cwd(), "/run/systemd/system"))) return true;
  return own.empty() || is_delegated(root, own);
}

Result<> move_to_leaf(const sys::DirFd& root, const std::string& own) {
  TRY(sys::make_dir(root, below(own, kSupervisorLeaf)));
  return sys::enter_cgroup(root, below(own, kSupervisorLeaf), ::getpid());
}

constexpr const char* kHowToDelegate =
    "run the pod in a unit with Delegate=yes: systemd-run --scope --property=Delegate=yes …";

// Whether the cgroup has processes beside controllers. The kernel allows that for controllers that know
// threads (cpu, pids), and then lets no process into the cgroups below (cgroup-v2.rst, "Threads").
Result<bool> is_threaded(const sys::DirFd& root, const std::string& cgroup) {
  return trim(TRY(sys::read_file(root, below(cgroup, "cgroup.type")))) != "domain";
}

// Enables a controller for the cgroups below. An error says why not, for the user.
Result<> enable(const sys::DirFd& root, const std::string& own, const std::string& name, bool& moved) {
  if (!TRY(may_enable(root, own)))
    return fail(ErrorKind::kPermission, "cgroup '/{}' is not delegated; {}", own, kHowToDelegate);
  const std::string control = below(own, "cgroup.subtree_control");
  // The root of the hierarchy may have both.
  if (own.empty()) return write_control(root, control, "+" + name);
  const bool moved_now = !moved;
  if (moved_now) TRY(move_to_leaf(root, own));
  moved = true;
  Result<> done = write_control(root, control, "+" + name);
  if (done && !TRY(is_threaded(root, own))) return {};
  const bool others = done || done.error().sys_errno() == EBUSY;
  if (done) done = write_control(root, control, "-" + name);
  if (moved_now) {
    leave_leaf(root, own);
    moved = false;
  }
  if (!others) return done;
  return fail(ErrorKind::kBusy, "cgroup '/{}' has other processes; run the pod in a unit of its own", own);
}

Result<std::string> reason_for_missing(const sys::DirFd& root, const std::string& own,
                                       const std::string& controller) {
  if (TRY(read_words(root, "cgroup.controllers")).contains(controller))
    return fmt::format("cgroup '/{}' is not given the controller '{}'; {}", own, controller, kHowToDelegate);
  return fmt::format("the host offers no cgroup controller '{}'", controller);
}

}  // namespace

void leave_leaf(const sys::DirFd& root, const std::string& own) {
  const auto names = sys::list_dir(root, own.empty() ? "." : own);
  if (!names) return;
  for (const std::string& name : *names) {
    const auto st = sys::stat_at(root, below(own, name));
    if (st && S_ISDIR(st->st_mode) && name != kSupervisorLeaf) return;  // another pod's
  }
  const auto processes = sys::read_file(root, below(own, kSupervisorLeaf) + "/cgroup.procs");
  if (!processes || trim(*processes) != std::to_string(::getpid())) return;
  const auto enabled = read_words(root, below(own, "cgroup.subtree_control"));
  if (!enabled) return;
  std::string text;
  for (const std::string& name : *enabled)
    if (!name.empty()) text += (text.empty() ? "-" : " -") + name;
  if (!text.empty() && !write_control(root, below(own, "cgroup.subtree_control"), text)) return;
  if (!sys::enter_cgroup(root, own, ::getpid())) return;
  (void)::unlinkat(root.get(), below(own, kSupervisorLeaf).c_str(), AT_REMOVEDIR);  // another may have come
}

Result<ControllerPlaces> open_controllers(const sys::DirFd& root, const std::string& own,
                                          const PodLimits& limits) {
  ControllerPlaces places;
  if (std::ranges::none_of(kControllers, [&](const ControllerRow& row) { return limits.uses(row.value); }))
    return places;
  const auto offered = TRY(read_words(root, below(own, "cgroup.controllers")));
  const auto enabled = TRY(read_words(root, below(own, "cgroup.subtree_control")));
  for (const ControllerRow& row : kControllers) {
    if (!limits.uses(row.value)) continue;
    const std::string name(row.v2_name);
    if (offered.contains(name)) {
      const Result<> done = enabled.contains(name) ? Result<>() : enable(root, own, name, places.moved);
      if (done)
        places.v2.insert(row.value);
      else
        places.missing.emplace(row.value, done.error().to_string());
      continue;
    }
    auto v1 = TRY(sys::open_cgroup1(row.v1_name));
    if (v1)
      places.v1.emplace(row.value, *std::move(v1));
    else
      places.missing.emplace(row.value, TRY(reason_for_missing(root, own, name)));
  }
  return places;
}

}  // namespace agena::stage1
