#include "common/sys/cgroup1.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <vector>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/cgroup.h"
#include "common/sys/fs.h"

namespace agena::sys {
namespace {

bool names(std::string_view list, std::string_view controller) {
  const auto parts = split(list, ',');
  return std::ranges::find(parts, controller) != parts.end();
}

// Path in the line "ID:CONTROLLERS:PATH" of /proc/self/cgroup (cgroups(7)).
Result<std::optional<std::string>> own_path(std::string_view controller) {
  for (const std::string& line : split(TRY(read_file(at_cwd(), "/proc/self/cgroup")), '\n')) {
    const Cut id = cut(line, ':');
    const Cut rest = cut(id.after, ':');
    if (rest.found && names(rest.before, controller)) return std::optional(std::string(rest.after));
  }
  return std::optional<std::string>();
}

struct Mount {
  std::string root;  // the cgroup that the mount shows
  std::string point;
};

// proc(5), /proc/PID/mountinfo: fields 4 and 5 are root and mount point; behind " - " come type, source and
// options, where v1 has its controllers.
Result<std::optional<Mount>> find_mount(std::string_view controller) {
  for (const std::string& line : split(TRY(read_file(at_cwd(), "/proc/self/mountinfo")), '\n')) {
    const std::size_t dash = line.find(" - cgroup ");
    if (dash == std::string::npos) continue;
    if (!names(std::string_view(line).substr(line.rfind(' ') + 1), controller)) continue;
    const auto fields = split(line, ' ');
    return std::optional(Mount{fields.at(3), fields.at(4)});
  }
  return std::optional<Mount>();
}

}  // namespace

Result<std::optional<Cgroup1>> open_cgroup1(std::string_view controller) {
  const auto own = TRY(own_path(controller));
  const auto mount = TRY(find_mount(controller));
  if (!own || !mount) return std::optional<Cgroup1>();
  std::string path = *own;
  // A mount may show a part of the hierarchy only, as containers have it.
  if (mount->root != "/" && (path + "/").starts_with(mount->root + "/")) path.erase(0, mount->root.size());
  path.erase(0, path.find_first_not_of('/'));
  return std::optional(Cgroup1{TRY(open_dir(mount->point)), std::move(path)});
}

Result<> remove_cgroup1(const DirFd& root, const std::string& path) {
  const Nanoseconds deadline = monotonic_now() + kSecond;
  while (true) {
    auto removed = remove_cgroup(root, path);
    if (removed || removed.error().sys_errno() != EBUSY || monotonic_now() > deadline) return removed;
    // v1 tells nobody when a cgroup becomes empty (but a program of the whole hierarchy).
    constexpr int kPauseMs = 5;
    (void)::poll(nullptr, 0, kPauseMs);
  }
}

Result<> enter_cgroup(const DirFd& root, const std::string& path, pid_t pid) {
  const UniqueFd procs = TRY(open_at(root, path.empty() ? "cgroup.procs" : path + "/cgroup.procs", O_WRONLY));
  TRY_CTX(write_all(procs.get(), fmt::format("{}", pid)), "moving process {} to cgroup '{}'", pid, path);
  return {};
}

}  // namespace agena::sys
