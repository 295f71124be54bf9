#include "stage0/pod/pod_files.h"

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"

namespace agena::stage0 {

namespace paths = contract::pod_paths;

Result<std::string> status_root_path(const sys::DirFd& pod) {
  return TRY(sys::exists(pod, paths::kOverlayPrepared)) ? paths::kStage1Upper : paths::kStage1Root;
}

Result<sys::DirFd> open_status_root(const sys::DirFd& pod) {
  return sys::open_dir(pod, TRY(status_root_path(pod)), O_NOFOLLOW);
}

Result<bool> is_supervisor_ready(const sys::DirFd& pod) {
  const std::string path = TRY(status_root_path(pod)) + "/" + paths::kSupervisorStatus;
  const auto target = sys::read_link(pod, path);
  if (target) return *target == paths::kSupervisorReady;
  if (target.error().sys_errno() == ENOENT) return false;
  return std::unexpected(target.error());
}

}  // namespace agena::stage0
