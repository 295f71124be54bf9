#include "common/sys/cgroup.h"

#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/fs.h"

namespace agena::sys {

namespace {

// The directory if cgroup v2 is mounted there.
std::optional<DirFd> open_if_cgroup2(const std::string& path) {
  auto dir = open_dir(path);
  struct statfs fs{};
  if (!dir || ::fstatfs(dir->get(), &fs) != 0 || fs.f_type != CGROUP2_SUPER_MAGIC) return std::nullopt;
  return std::move(*dir);
}

// Mount point of the first cgroup v2 mount in mountinfo (proc(5): field 5 is the mount point, the type
// follows " - ").
Result<std::string> find_cgroup2_mount() {
  for (const std::string& line : split(TRY(read_file(at_cwd(), "/proc/self/mountinfo")), '\n'))
    if (line.contains(" - cgroup2 ")) return split(line, ' ').at(4);
  return fail(ErrorKind::kUnsupported,
              "the cgroup v2 hierarchy is not mounted (mount -t cgroup2 none /sys/fs/cgroup)");
}

}  // namespace

Result<DirFd> open_cgroup2() {
  for (const char* usual : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
    if (auto dir = open_if_cgroup2(usual)) return std::move(*dir);
  return open_dir(TRY(find_cgroup2_mount()));
}

Result<std::string> own_cgroup2_path() {
  const std::string text = TRY(read_file(at_cwd(), "/proc/self/cgroup"));
  for (const std::string& line : split(text, '\n'))
    if (line.starts_with("0::/")) return line.substr(4);
  return fail(ErrorKind::kUnsupported, "this kernel has no cgroup v2 hierarchy");
}

namespace {

bool is_gone(const Error& error) { return error.sys_errno() == ENOENT || error.sys_errno() == ENODEV; }

}  // namespace

Result<bool> cgroup_is_empty(const DirFd& root, const std::string& path) {
  const auto events = read_file(root, path + "/cgroup.events");
  if (events) return events->find("populated 0") != std::string::npos;
  if (is_gone(events.error())) return true;
  return std::unexpected(events.error());
}

namespace {

Result<> kill_by_pids(const DirFd& root, const std::string& path) {
  for (const std::string& name : TRY(list_dir(root, path))) {
    const struct stat st = TRY(stat_at(root, path + "/" + name));
    if (S_ISDIR(st.st_mode)) TRY(kill_by_pids(root, path + "/" + name));
  }
  for (const std::string& line : split(TRY(read_file(root, path + "/cgroup.procs")), '\n'))
    if (!line.empty())
      (void)::kill(static_cast<pid_t>(TRY(parse_int(line, 1, INT32_MAX))), SIGKILL);  // may be gone
  return {};
}

}  // namespace

Result<> kill_cgroup(const DirFd& root, const std::string& path) {
  auto kill_file = open_at(root, path + "/cgroup.kill", O_WRONLY);
  if (kill_file) return write_all(kill_file->get(), "1");
  if (!is_gone(kill_file.error())) return std::unexpected(std::move(kill_file).error());
  if (!TRY(exists(root, path))) return {};
  return kill_by_pids(root, path);
}

namespace {

// Waits until the cgroup is empty: a kill returns before the processes have left. cgroup.events is pollable
// (POLLPRI).
Result<> wait_until_empty(const DirFd& root, const std::string& path, Nanoseconds deadline) {
  auto events = open_at(root, path + "/cgroup.events", O_RDONLY);
  if (!events) return is_gone(events.error()) ? Result<>() : std::unexpected(std::move(events).error());
  while (!TRY(cgroup_is_empty(root, path))) {
    const Nanoseconds left = deadline - monotonic_now();
    if (left <= 0) return fail(ErrorKind::kBusy, "cgroup '{}' still has processes", path);
    pollfd entry{events->get(), POLLPRI, 0};
    // Poll at most 10 ms at once: a change between the read above and the poll would otherwise be missed.
    constexpr Nanoseconds kSlice = 10'000'000;
    (void)::poll(&entry, 1, static_cast<int>(std::min(left, kSlice) / 1'000'000 + 1));
  }
  return {};
}

Result<> remove_below(const DirFd& root, const std::string& path) {
  const auto names = list_dir(root, path);
  if (!names) return is_gone(names.error()) ? Result<>() : std::unexpected(names.error());
  for (const std::string& name : *names) {
    const auto st = stat_at(root, path + "/" + name);
    if (st && S_ISDIR(st->st_mode)) TRY(remove_below(root, path + "/" + name));
  }
  if (::unlinkat(root.get(), path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return sys_fail("removing cgroup '{}'", path);
}

}  // namespace

Result<> remove_cgroup(const DirFd& root, const std::string& path) {
  TRY(wait_until_empty(root, path, monotonic_now() + kSecond));
  return remove_below(root, path);
}

}  // namespace agena::sys
