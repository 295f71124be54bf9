// `status`: one pod, perhaps after waiting for it.
#include "stage0/pod/status.h"

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/pod_glance.h"
#include "stage0/cli/output/pod_text.h"
#include "stage0/cli/uuid_args.h"

namespace agena::stage0 {
namespace {

// What --wait and --wait-ready ask for.
struct Wait {
  bool wanted = false;
  std::optional<Nanoseconds> limit;
};

// A bool or a duration.
Result<Wait> parse_wait(std::string_view text) {
  if (const auto flag = parse_bool(text)) return Wait{*flag, std::nullopt};
  const Nanoseconds limit = TRY(parse_duration(text));
  return Wait{true, limit};
}

Result<> wait_if_wanted(Pod& pod, WaitFor what, const Wait& wait, std::string_view words) {
  if (!wait.wanted || TRY(wait_for_pod(pod, what, wait.limit))) return {};
  return fail(ErrorKind::kBusy, "pod '{}' is not {} in time", pod.uuid().str(), words);
}

Result<> show_status(const Invocation& call, const std::string& uuid) {
  const Wait finished = TRY_CTX(parse_wait(call.args.text(kWait, "false")), "--wait");
  const Wait ready = TRY_CTX(parse_wait(call.args.text(kWaitReady, "false")), "--wait-ready");
  if (finished.wanted && ready.wanted)
    return fail(ErrorKind::kInvalidInput, "--wait and --wait-ready exclude each other");
  const Pods pods = TRY(Pods::open(TRY(call.engine()).data_dir));
  Pod pod = TRY(find_pod(pods, uuid));
  TRY(wait_if_wanted(pod, WaitFor::kReady, ready, "ready"));
  TRY(wait_if_wanted(pod, WaitFor::kFinished, finished, "finished"));
  const PodStatus status = TRY(read_pod_status(pod));
  const std::string_view format = call.args.text(kFormat);
  // Programs read the lines of key=value; a person is told first how things are.
  const Screen screen = stdout_screen();
  const std::string headline =
      screen.is_terminal && format.empty() ? status_headline(status.info, screen) : std::string();
  TRY(format.empty() ? print(headline + status_lines(status))
                     : print_line("{}", TRY(pod_json(status.info, style_of_format(format)))));
  for (const Error& problem : status.info.problems) log::error(problem);
  return {};
}

}  // namespace

Result<int> cmd_status(const Invocation& call) {
  TRY(check_uuid_args(call.args, 1));
  const auto uuids = read_uuid_args(call.args);
  if (!uuids) {
    log::error(uuids.error());
    return contract::kExitUuidFile;
  }
  TRY(show_status(call, uuids->front()));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
