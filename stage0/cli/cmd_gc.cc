// `gc`: mark ended pods and delete those whose grace is over.
#include "stage0/pod/gc.h"

#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/pod/layers_in_use.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

// As Go prints durations of whole seconds: "1h0m0s", "30m0s", "5s".
std::string go_duration(Nanoseconds duration) {
  const auto seconds = duration / kSecond;
  if (seconds >= 3600) return fmt::format("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (seconds >= 60) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

Result<> tell(const GcEvent& event, Nanoseconds grace_period) {
  switch (event.kind) {
    case GcEvent::Kind::kMarked:
      log::info("moving pod \"{}\" to garbage", event.uuid.str());
      return {};
    case GcEvent::Kind::kCollecting:
      return print_line("Garbage collecting pod \"{}\"", event.uuid.str());
    case GcEvent::Kind::kWithinGrace:
      log::info("pod \"{}\" not removed: still within grace period ({})", event.uuid.str(),
                go_duration(grace_period));
      return {};
  }
  std::unreachable();
}

// Deletes the layers that only the deleted pods used: those of images that were removed meanwhile.
Result<> sweep_layers(const Engine& engine) {
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  TRY(store.sweep_layers([&] { return layers_in_use(engine.data_dir); }));
  return {};
}

Result<> delete_trash(const Engine& engine) {
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  TRY(store.delete_trash());
  return {};
}

}  // namespace

Result<int> cmd_gc(const Invocation& call) {
  GcRequest request;
  if (call.args.has(kGracePeriod))
    request.grace_period = TRY_CTX(parse_duration(call.args.text(kGracePeriod)), "--grace-period");
  if (call.args.has(kExpirePrepared))
    request.expire_prepared = TRY_CTX(parse_duration(call.args.text(kExpirePrepared)), "--expire-prepared");
  request.mark_only = call.args.flag(kMarkOnly);
  // Pods are collected even if nobody can be told.
  Result<> told;
  request.on_event = [&](const GcEvent& event) {
    if (Result<> now = tell(event, request.grace_period); !now && told) told = std::move(now);
  };
  const Engine engine = TRY(call.engine());
  const GcResult result = TRY(collect_garbage(engine, request));
  for (const Error& error : result.errors) log::error(error);
  // What an earlier command had to leave undeleted goes now, whether pods were deleted or not.
  if (result.deleted > 0)
    TRY_CTX(sweep_layers(engine), "deleting unused layers");
  else
    TRY_CTX(delete_trash(engine), "deleting unused layers");
  TRY(std::move(told));
  return result.errors.empty() ? contract::kExitSuccess : contract::kExitFailure;
}

}  // namespace agena::stage0
