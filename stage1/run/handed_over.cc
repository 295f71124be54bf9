#include "stage1/run/handed_over.h"

#include <fcntl.h>

#include <cstdlib>

#include "common/base/strings.h"
#include "common/contract/env.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"

namespace agena::stage1 {

namespace paths = contract::pod_paths;

Result<> keep_lock() {
  const char* text = std::getenv(contract::env::kLockFd);
  if (text == nullptr) return fail(ErrorKind::kInvalidInput, "${} is not set", contract::env::kLockFd);
  const auto fd = TRY_CTX(parse_int(text, 0, INT32_MAX), "${}", contract::env::kLockFd);
  return sys::set_cloexec(static_cast<int>(fd), true);
}

Nanoseconds start_of_run() {
  const char* text = std::getenv(contract::env::kStartNs);
  const auto start = parse_int(text == nullptr ? "" : text, 0, INT64_MAX);
  return start ? *start : 0;
}

Result<sys::DirFd> open_root(const sys::DirFd& pod_dir, const Pod& pod) {
  if (!pod.options.private_users && !TRY(sys::exists(pod_dir, paths::kOverlayPrepared))) {
    const sys::UniqueFd mount = TRY(sys::clone_mount(pod_dir, paths::kStage1Root, false));
    const sys::UniqueFd target = TRY(sys::open_at(pod_dir, paths::kStage1Root, O_PATH | O_DIRECTORY));
    TRY_CTX(sys::attach_mount(mount, target), "making the stage1 root a mount");
  }
  return sys::open_dir(pod_dir, paths::kStage1Root);
}

}  // namespace agena::stage1
