#include "stage0/cli/app_args.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/app_command_flags.h"
#include "stage0/cli/pod_request.h"

namespace agena::stage0 {

Result<AppOperation> read_app_operation(const ParsedArgs& args) {
  AppOperation operation{.pod = std::string(args.arguments.front()), .timeout = {}};
  if (args.has(kAppTimeout))
    operation.timeout = TRY_CTX(parse_duration(args.text(kAppTimeout)), "--{}", kAppTimeout.name);
  return operation;
}

Result<std::string> read_app_name(const ParsedArgs& args) {
  const bool flag = args.has(kAppOfPod);
  const bool argument = args.arguments.size() > 1;
  if (flag && argument)
    return fail(ErrorKind::kInvalidInput, "the app is named twice, by --app and behind the UUID");
  const std::string_view name = flag       ? args.text(kAppOfPod)
                                : argument ? args.arguments[1]
                                           : std::string_view();
  if (name.empty())
    return std::unexpected(Error(ErrorKind::kInvalidInput, "which app? (--app=APP)")
                               .with_hint("'app list POD' lists the apps of a pod"));
  return std::string(name);
}

Result<int> end_app_operation(const Result<AppOutcome>& outcome) {
  if (!outcome) return std::unexpected(outcome.error());
  for (const std::string& warning : outcome->warnings) log::warning("{}", warning);
  return contract::kExitSuccess;
}

Result<AddAppCommand> make_add_request(const ImageArgs& args, const InsecureOptions& insecure) {
  if (args.images.size() != 2 || args.images.front().has_args)
    return std::unexpected(Error(ErrorKind::kInvalidInput, "expected the UUID of a pod and one image")
                               .with_hint("usage: app add UUID IMAGE [FLAGS] [-- ARG…]"));
  // There is one app only, so its flags may stand anywhere.
  ImageArg image = args.images.back();
  image.uses = args.uses;
  for (const ImageArg& part : args.images) std::ranges::copy(part.uses, std::back_inserter(image.uses));
  AddFlags flags;
  for (const OptionUse& use : args.uses) TRY(apply_option(kAddFlags, use, flags));
  AddAppCommand command{
      .request = {.operation = {.pod = std::string(args.images.front().image), .timeout = flags.timeout},
                  .app = TRY(make_app_request(image, {})),
                  .volumes = std::move(flags.volumes),
                  .ports = std::move(flags.ports),
                  .insecure = insecure},
      .start = flags.start};
  command.request.app.args_replace = true;
  std::ranges::move(flags.mounts, std::back_inserter(command.request.app.mounts));
  return command;
}

Result<UpdateAppRequest> make_update_request(const ParsedArgs& args) {
  UpdateAppRequest request{.operation = TRY(read_app_operation(args)),
                           .app = TRY(read_app_name(args)),
                           .isolators = {},
                           .resources = {}};
  AppRequest limits;
  bool any = false;
  for (const OptionUse& use : args.uses)
    any = TRY(apply_option(kAppFlags, use, limits)) || TRY(apply_option(kResourceFlags, use, limits)) || any;
  if (!any)
    return std::unexpected(
        Error(ErrorKind::kInvalidInput, "no limit is given")
            .with_hint("limits are --memory, --cpu, --cpu-shares, --pids-limit, --device-…"));
  request.isolators = std::move(limits.isolators);
  request.resources = std::move(limits.resources);
  return request;
}

}  // namespace agena::stage0
