// stage2: becomes the program of a launch plan. `stage2 PLANFILE`; `stage2 --admit APP` and `stage2 --record
// APP` as the first and the last command of an app's service, behind which `stage2 --record-again APP` stands
// in for one that was killed; `stage2 --stop-pod` where the pod's systemd is asked to power off.
#include <cstdio>
#include <string_view>

#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "common/stage2/hub_protocol.h"
#include "common/stage2/recorder.h"
#include "common/stage2/steps.h"
#include "common/sys/fs.h"

namespace agena::stage2 {
namespace {

constexpr int kExitNotAdmitted = 1;

int record(const std::string& app, bool again) {
  const auto recorded = record_end(app, kHubSocket, again);
  if (recorded) return contract::kExitSuccess;
  log::error(recorded.error());
  return contract::kExitFailure;
}

int stop_pod() {
  const auto told = request_pod_stop(kHubSocket);
  if (told) return contract::kExitSuccess;
  log::error(told.error());
  return contract::kExitFailure;
}

// An ExecCondition= of systemd: 0 starts the app, 1 leaves it.
int admit(const std::string& app) {
  const auto start = may_start(app, kHubSocket);
  if (start) return *start ? contract::kExitSuccess : kExitNotAdmitted;
  log::error(start.error());
  return contract::kExitFailure;
}

int start(const std::string& plan_file) {
  const Nanoseconds began = monotonic_now();
  const auto text = sys::read_file(sys::at_cwd(), plan_file);
  if (!text) {
    log::error(text.error());
    return contract::kExitFailure;
  }
  const auto plan = parse_launch_plan(*text);
  if (!plan) {
    log::error(plan.error());
    return contract::kExitFailure;
  }
  const LaunchFailure failure = launch(*plan, {.keep_fds = {}, .began = began});
  if (!failure.told_hub) log::write(log::Level::kError, failure.text);
  return failure.exit_code;
}

int run(int argc, char** argv) {
  log::init("stage2", log::Level::kInfo);
  if (argc == 3 && std::string_view(argv[1]) == "--record") return record(argv[2], false);
  if (argc == 3 && std::string_view(argv[1]) == "--record-again") return record(argv[2], true);
  if (argc == 3 && std::string_view(argv[1]) == "--admit") return admit(argv[2]);
  if (argc == 2 && std::string_view(argv[1]) == "--stop-pod") return stop_pod();
  if (argc == 2) return start(argv[1]);
  log::write(
      log::Level::kError,
      "usage: stage2 PLANFILE | stage2 --admit APP | stage2 --record APP | stage2 --record-again APP | "
      "stage2 --stop-pod");
  return contract::kExitFailure;
}

}  // namespace
}  // namespace agena::stage2

int main(int argc, char** argv) {
  try {
    return agena::stage2::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "stage2: internal error: %s\n", e.what());
    return agena::contract::kExitFailure;
  }
}
