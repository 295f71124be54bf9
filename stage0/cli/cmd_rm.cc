// `rm`: delete pods now.
#include "stage0/pod/rm.h"

#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/uuid_args.h"

namespace agena::stage0 {
namespace {

Result<> remove_one(const Engine& engine, const Pods& pods, const std::string& text) {
  Pod pod = TRY(find_pod(pods, text));
  TRY(remove_pod(engine, pod));
  return print_line("\"{}\"", pod.uuid().str());
}

}  // namespace

Result<int> cmd_rm(const Invocation& call) {
  TRY(check_uuid_args(call.args, CommandSpec::kAnyNumber));
  const auto uuids = TRY(read_uuid_args(call.args));
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  bool failed = false;
  for (const std::string& uuid : uuids) {
    if (const Result<> removed = remove_one(engine, pods, uuid); !removed) {
      log::error(removed.error());
      failed = true;
    }
  }
  if (failed) return fail(ErrorKind::kSystem, "failed to remove one or more pods");
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
