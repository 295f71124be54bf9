#include "stage1-fly/pod_processes.h"

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::fly {

Result<PodProcesses> PodProcesses::of(const sys::DirFd& pod_dir) {
  const std::string path = TRY(sys::path_of_fd(pod_dir.get()));
  return PodProcesses("/" + path.substr(path.rfind('/') + 1) + "/");
}

// The path is that of the process's mounts, which are a copy of the host's.
bool PodProcesses::leads_into_pod(pid_t pid, const char* link) const {
  const auto path = sys::read_link(sys::at_cwd(), fmt::format("/proc/{}/{}", pid, link));
  return path && (*path + "/").contains(place_);
}

bool PodProcesses::is_main(pid_t pid) const {
  // `run` works in the pod's directory until it has changed its root.
  return leads_into_pod(pid, "root") || leads_into_pod(pid, "cwd");
}

Result<std::vector<pid_t>> PodProcesses::find() const {
  std::vector<pid_t> pids;
  for (const std::string& name : TRY(sys::list_dir(sys::at_cwd(), "/proc"))) {
    const auto pid = parse_int(name, 1, INT32_MAX);
    if (pid && leads_into_pod(static_cast<pid_t>(*pid), "root")) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

Result<sys::PidFd> PodProcesses::open(pid_t pid) const {
  sys::PidFd process = TRY(sys::open_pidfd(pid));
  if (!is_main(pid)) return fail(ErrorKind::kNotFound, "process {} is not the pod's", pid);
  return process;
}

}  // namespace agena::fly
