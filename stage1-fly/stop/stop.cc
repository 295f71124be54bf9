#include "stage1-fly/stop/stop.h"

#include <signal.h>
#include <time.h>

#include "common/base/uuid.h"
#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/stage2/pod_app.h"
#include "common/sys/fs.h"
#include "common/sys/pidfd.h"
#include "common/sys/signals.h"
#include "manifests/codec/pod_manifest.h"
#include "stage1-fly/pod_processes.h"

namespace agena::fly {
namespace {

namespace paths = contract::pod_paths;

// Whether the process was there to get the signal.
Result<bool> signal_process(const PodProcesses& processes, pid_t pid, int signal) {
  const auto process = processes.open(pid);
  if (!process && process.error().kind() == ErrorKind::kNotFound) return false;
  if (!process) return std::unexpected(process.error());
  TRY(sys::send_signal(*process, signal));
  return true;
}

// What the app left behind; with SIGKILL, until there is nothing. Never by the group that `run` belonged to:
// without job control it is that of the script or service which called it.
Result<> signal_rest(const PodProcesses& processes, int signal) {
  constexpr int kMostRounds = 100;
  constexpr timespec kPause{0, 1'000'000};
  for (int i = 0; i < kMostRounds; ++i) {
    const std::vector<pid_t> pids = TRY(processes.find());
    for (const pid_t pid : pids) (void)TRY(signal_process(processes, pid, signal));
    if (pids.empty() || signal != SIGKILL) break;
    (void)::nanosleep(&kPause, nullptr);
  }
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
  const auto pid = TRY(contract::read_pid_file(pod_dir, paths::kPid));
  if (!pid) return fail(ErrorKind::kNotFound, "the pod has not started: '{}' is not there", paths::kPid);
  const PodProcesses processes = TRY(PodProcesses::of(pod_dir));
  if (!TRY(signal_process(processes, *pid, signal))) TRY(signal_rest(processes, signal));
  return contract::kExitSuccess;
}

}  // namespace agena::fly
