#include "stage1-fly/stop/stop.h"

#include <signal.h>
#include <unistd.h>

#include "common/base/uuid.h"
#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/stage2/pod_app.h"
#include "common/sys/fs.h"
#include "common/sys/pidfd.h"
#include "common/sys/signals.h"
#include "manifests/codec/pod_manifest.h"

namespace agena::fly {
namespace {

namespace paths = contract::pod_paths;

// Whether the app's own process was there to get the signal.
Result<bool> signal_app(const sys::DirFd& pod_dir, int signal) {
  const auto pid = TRY(contract::read_pid_file(pod_dir, paths::kPid));
  if (!pid) return false;
  const auto process = sys::open_pidfd(*pid);
  if (!process && process.error().kind() == ErrorKind::kNotFound) return false;
  if (!process) return std::unexpected(process.error());
  TRY(sys::send_signal(*process, signal));
  return true;
}

// What the app left behind. The group may be that of the job that `run` belonged to; ours is never meant.
Result<> signal_group(const sys::DirFd& pod_dir, int signal) {
  const auto group = TRY(contract::read_pid_file(pod_dir, paths::kPgid));
  if (!group)
    return fail(ErrorKind::kNotFound, "the pod has not started: neither '{}' nor '{}' is there", paths::kPid,
                paths::kPgid);
  if (*group <= 1 || *group == ::getpgrp()) return {};
  if (::kill(-*group, signal) != 0 && errno != ESRCH) return sys_fail("signalling process group {}", *group);
  return {};
}

// The app's own, or SIGTERM: stopping must work whatever has become of the files.
int stop_signal(const sys::DirFd& pod_dir) {
  const auto text = sys::read_file(pod_dir, paths::kManifest);
  const auto manifest = text ? codec::parse_pod_manifest(*text) : std::unexpected(text.error());
  if (!manifest || manifest->apps.size() != 1) return SIGTERM;
  const auto app = stage2::load_pod_app(pod_dir, manifest->apps.front());
  if (!app || app->life.stop_signal.empty()) return SIGTERM;
  return sys::parse_signal(app->life.stop_signal).value_or(SIGTERM);
}

}  // namespace

Result<int> stop(const contract::EntrypointCall& call) {
  (void)TRY(Uuid::parse(call.operands.at(0)));
  const sys::DirFd pod_dir = TRY(sys::open_dir("."));
  const int signal = call.flag("force") ? SIGKILL : stop_signal(pod_dir);
  if (!TRY(signal_app(pod_dir, signal))) TRY(signal_group(pod_dir, signal));
  return contract::kExitSuccess;
}

}  // namespace agena::fly
