#include "stage1/enter/run_in_pod.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/path_in_root.h"
#include "common/sys/spawn.h"
#include "common/sys/user_namespace.h"
#include "stage1/run/service_cgroup.h"

namespace agena::stage1 {

namespace {

constexpr int kNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;

// With its user namespace, if it has one of its own: the kernel takes nobody into the one that he is in.
Result<> join_pod(const sys::PidFd& init) {
  const auto joined = sys::join_namespaces(init, kNamespaces | CLONE_NEWUSER);
  if (joined) return sys::become_root();
  if (joined.error().sys_errno() != EINVAL) return joined;
  return sys::join_namespaces(init, kNamespaces);
}

bool same(const struct stat& st, const AppMounts& app) {
  return st.st_dev == app.device && st.st_ino == app.inode;
}

// Whether the caller is in the app's mount namespace afterwards. An app with the rights may have made another
// root of it meanwhile.
Result<bool> join_mounts(const AppMounts& app, const sys::PidFd& init) {
  if (!sys::join_namespaces(app.process, CLONE_NEWNS)) return false;
  struct stat st{};
  if (::stat("/", &st) == 0 && same(st, app)) return true;
  TRY(sys::join_namespaces(init, CLONE_NEWNS));
  return false;
}

}  // namespace

std::optional<AppMounts> find_app_mounts(const sys::DirFd& pod_root, const std::string& app) {
  constexpr std::size_t kMostTried = 16;  // an app may have thousands, none of them with its root
  const auto root = sys::open_in_root(pod_root, contract::pod_paths::app_root_in_stage1(app), O_PATH);
  struct stat st{};
  if (!root || ::fstat(root->get(), &st) != 0) return std::nullopt;
  AppMounts mounts{.process = {}, .device = st.st_dev, .inode = st.st_ino};
  // The ids there are those of the reader's pid namespace.
  const auto cgroups = sys::open_dir(pod_root, "sys/fs/cgroup", O_PATH);
  if (!cgroups) return std::nullopt;
  const auto text = sys::read_file(*cgroups, service_cgroup(*cgroups, app) + "/cgroup.procs");
  if (!text) return std::nullopt;
  std::size_t tried = 0;
  for (const std::string& line : split(*text, '\n')) {
    const auto pid = parse_int(line, 1, INT32_MAX);
    if (!pid || tried++ == kMostTried) break;
    auto process = sys::open_pidfd(static_cast<pid_t>(*pid));
    if (!process || ::stat(fmt::format("/proc/{}/root", *pid).c_str(), &st) != 0 || !same(st, mounts))
      continue;
    mounts.process = *std::move(process);
    return mounts;
  }
  return std::nullopt;
}

Result<int> run_in_pod(const sys::PidFd& init, const std::optional<AppMounts>& app,
                       const std::function<int(bool in_app)>& body) {
  // Until the exec the child is this program of the host, seen from inside the pod: /proc/PID/exe must not
  // lead anybody there to the file, nor /proc/PID/fd to what it has open.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return sys_fail("protecting the process");
  TRY(join_pod(init));
  const bool in_app = app && TRY(join_mounts(*app, init));
  // The pid namespace counts for children: the command runs in one, and we wait for it outside.
  auto child = TRY(sys::fork_child([&] { return body(in_app); }));
  const sys::ExitStatus status = TRY(child.wait());
  return status.code();
}

}  // namespace agena::stage1
