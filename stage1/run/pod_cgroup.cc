#include "stage1/run/pod_cgroup.h"

#include <fcntl.h>

#include "common/contract/pod_paths.h"
#include "common/sys/cgroup.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

PodCgroup::PodCgroup(sys::DirFd root, std::string own, std::string path, sys::DirFd dir)
    : root_(std::move(root)), own_(std::move(own)), path_(std::move(path)), dir_(std::move(dir)) {}

Result<PodCgroup> PodCgroup::make(const sys::DirFd& pod_dir, const Uuid& uuid) {
  sys::DirFd root = TRY(sys::open_cgroup2());
  const std::string own = TRY(sys::own_cgroup2_path());
  const std::string path = own + (own.empty() ? "" : "/") + "agena-" + uuid.str() + ".scope";
  TRY(sys::replace_file(pod_dir, contract::pod_paths::kSubcgroup, path));
  TRY_CTX(sys::make_dir(root, path), "making the pod's cgroup");
  sys::DirFd dir = TRY(sys::open_dir(root, path));
  return PodCgroup(std::move(root), own, path, std::move(dir));
}

Result<> PodCgroup::remove() const { return sys::remove_cgroup(root_, path_); }

// The first write to any cgroup.procs waits for an RCU grace period (10 to 15 ms) in the kernel; writes
// soon after it do not. A move of ourselves to where we are changes nothing, and takes the wait off
// systemd, which would have it when it moves itself and the apps; meanwhile pod-init and systemd get on. A
// refusal only means that the time is not saved.
void PodCgroup::warm_up() const {
  auto procs = sys::open_at(root_, own_.empty() ? "cgroup.procs" : own_ + "/cgroup.procs", O_WRONLY);
  if (procs) (void)sys::write_all(procs->get(), "0");
}

}  // namespace agena::stage1
