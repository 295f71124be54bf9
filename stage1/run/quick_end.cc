#include "stage1/run/quick_end.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/late_close.h"

namespace agena::stage1 {
namespace {

bool is_inotify(const sys::DirFd& fds, const std::string& name) {
  const auto target = sys::read_link(fds, name);
  return target && *target == "anon_inode:inotify";
}

std::vector<sys::UniqueFd> inotify_of(const sys::PidFd& process, pid_t pid) {
  std::vector<sys::UniqueFd> taken;
  const auto fds = sys::open_dir(sys::at_cwd(), fmt::format("/proc/{}/fd", pid));
  if (!fds) return taken;
  const auto names = sys::list_dir(*fds);
  if (!names) return taken;
  for (const std::string& name : *names) {
    const auto number = parse_uint(name, INT32_MAX);
    if (!number || !is_inotify(*fds, name)) continue;
    sys::UniqueFd copy(
        static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), static_cast<int>(*number), 0)));
    if (copy) taken.push_back(std::move(copy));
  }
  return taken;
}

}  // namespace

QuickEnd QuickEnd::take(const sys::PidFd& process, pid_t pid) {
  QuickEnd end;
  const std::vector<sys::UniqueFd> taken = inotify_of(process, pid);
  std::vector<int> files;
  for (const sys::UniqueFd& fd : taken) files.push_back(fd.get());
  end.ring_ = sys::hold_for_late_close(files);
  return end;
}

}  // namespace agena::stage1
