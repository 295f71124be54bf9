// `stop`: end running pods.
#include "stage0/pod/stop.h"

#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/uuid_args.h"

namespace agena::stage0 {
namespace {

Result<> stop_one(const Engine& engine, const Pods& pods, const std::string& text,
                  const StopRequest& request) {
  Pod pod = TRY(find_pod(pods, text));
  const StopOutcome outcome = TRY(stop_pod(engine, pod, request));
  if (outcome == StopOutcome::kAlreadyStopped)
    return print_line("pod \"{}\" is already stopped", pod.uuid().str());
  if (outcome == StopOutcome::kForced && !request.force)
    log::warning("pod \"{}\" did not end in time and was killed", pod.uuid().str());
  return print_line("\"{}\"", pod.uuid().str());
}

Result<StopRequest> read_request(const ParsedArgs& args) {
  StopRequest request;
  request.force = args.flag(kForce);
  if (!args.has(kStopGrace)) return request;
  const std::string_view timeout = args.text(kStopGrace);
  request.grace = timeout == "-1" ? -1 : TRY_CTX(parse_duration(timeout), "--{}", kStopGrace.name);
  return request;
}

}  // namespace

Result<int> cmd_stop(const Invocation& call) {
  TRY(check_uuid_args(call.args, CommandSpec::kAnyNumber));
  const StopRequest request = TRY(read_request(call.args));
  const auto uuids = read_uuid_args(call.args);
  if (!uuids) {
    log::error(uuids.error());
    return contract::kExitUuidFile;
  }
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  std::size_t failed = 0;
  for (const std::string& uuid : *uuids) {
    if (const Result<> stopped = stop_one(engine, pods, uuid, request); !stopped) {
      log::error(stopped.error());
      ++failed;
    }
  }
  if (failed > 0) return fail(ErrorKind::kSystem, "failed to stop {} pod(s)", failed);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
