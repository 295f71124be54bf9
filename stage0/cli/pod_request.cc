#include "stage0/cli/pod_request.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/schema/app_io.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/confine_flags.h"
#include "stage0/cli/io_flags.h"
#include "stage0/cli/life_flags.h"
#include "stage0/cli/pod_flags.h"
#include "stage0/cli/resource_flags.h"
#include "stage0/cli/sandbox_flags.h"
#include "stage0/cli/trace_flags.h"
#include "stage0/cli/volume_flags.h"

namespace agena::stage0 {

Result<> select_stage1(PodFlags& flags, Stage1Selection::Kind kind, std::string_view value) {
  if (flags.prepare.stage1.kind != Stage1Selection::Kind::kDefault)
    return fail(ErrorKind::kInvalidInput, "the stage1 image can be chosen once only");
  if (value.empty()) return fail(ErrorKind::kInvalidInput, "the value is empty");
  flags.prepare.stage1 = {kind, std::string(value)};
  return {};
}

Result<> add_volume(PodFlags& flags, std::string_view value) {
  VolumeRequest volume = TRY(parse_volume(value));
  auto& volumes = flags.prepare.volumes;
  if (std::ranges::find(volumes, volume.name, &VolumeRequest::name) != volumes.end())
    return fail(ErrorKind::kInvalidInput, "duplicate volume name '{}'", printable(volume.name));
  volumes.push_back(std::move(volume));
  return {};
}

Result<> add_list(std::vector<std::string>& list, std::string_view value) {
  std::ranges::move(TRY(parse_list(value)), std::back_inserter(list));
  return {};
}

Result<> set_text(std::string& target, std::string_view value) {
  if (value.empty()) return fail(ErrorKind::kInvalidInput, "the value is empty");
  target = value;
  return {};
}

Result<> set_io_annotation(AppRequest& app, const char* annotation, std::string_view value) {
  schema::Annotations alone;
  TRY(alone.add(TRY(schema::AcIdentifier::parse(annotation)), std::string(value)));
  TRY(schema::read_app_io(alone));
  std::erase_if(app.annotations, [&](const NameValue& item) { return item.name == annotation; });
  app.annotations.push_back({annotation, std::string(value)});
  return {};
}

namespace {

// Deprecated spellings work, and say what to write today.
void warn_if_deprecated(std::span<const OptionUse> uses) {
  for (const OptionUse& use : uses)
    if (!use.option->replaced_by.empty())
      log::warning("flag --{} is deprecated, use {}", use.option->name, use.option->replaced_by);
}

Result<PodFlags> apply_pod_flags(std::span<const OptionUse> uses) {
  warn_if_deprecated(uses);
  PodFlags flags;
  for (const OptionUse& use : uses) {
    const bool applied =
        TRY(apply_option(kPullFlags, use, flags)) || TRY(apply_option(kStage1Flags, use, flags)) ||
        TRY(apply_option(kRootFlags, use, flags)) || TRY(apply_option(kTerminalFlags, use, flags)) ||
        TRY(apply_option(kSandboxFlags, use, flags)) || TRY(apply_option(kPrepareFlags, use, flags)) ||
        TRY(apply_option(kLaunchFlags, use, flags)) || TRY(apply_option(kRunFlags, use, flags)) ||
        TRY(apply_option(kPodLifeFlags, use, flags)) || TRY(apply_option(kPodNameFlags, use, flags)) ||
        TRY(apply_option(kPodResourceFlags, use, flags)) || TRY(apply_option(kKernelFlags, use, flags)) ||
        TRY(apply_option(kTraceFlags, use, flags));
    (void)applied;  // what is left are global flags, mounts for all apps, and the command's own flags
  }
  return flags;
}

Result<> apply_pull_aliases(PodFlags& flags) {
  if (flags.store_only && flags.no_store)
    return fail(ErrorKind::kInvalidInput, "--store-only and --no-store exclude each other");
  if (flags.store_only) flags.prepare.pull_policy = PullPolicy::kNever;
  if (flags.no_store) flags.prepare.pull_policy = PullPolicy::kUpdate;
  return {};
}

// Flags that may stand before the first image, as defaults for all apps; without --mount, whose rule is by
// paths.
Result<bool> apply_app_default(const OptionUse& use, AppRequest& app) {
  return TRY(apply_option(kAppFlags, use, app)) || TRY(apply_option(kConfineFlags, use, app)) ||
         TRY(apply_option(kIoFlags, use, app)) || TRY(apply_option(kLifeFlags, use, app.life)) ||
         TRY(apply_option(kResourceFlags, use, app)) || TRY(apply_option(kFileSystemFlags, use, app));
}

Result<> apply_app_flag(const OptionUse& use, AppRequest& app) {
  const bool applied = TRY(apply_app_default(use, app)) || TRY(apply_option(kOneAppFlags, use, app)) ||
                       TRY(apply_option(kSignatureFlags, use, app)) ||
                       TRY(apply_option(kMountFlags, use, app));
  (void)applied;  // the grammar hands out app flags only
  return {};
}

// Whether an image's own flags take the place of a default: of a NAME=VALUE that of the same name. (What is
// not repeatable needs no rule: the flag that is applied later counts.)
bool is_overridden(const OptionUse& of_all, std::span<const OptionUse> own) {
  return std::ranges::any_of(own, [&](const OptionUse& use) {
    return use.option == of_all.option && use.option->repeatable &&
           cut(use.value, '=').before == cut(of_all.value, '=').before;
  });
}

}  // namespace

Result<AppRequest> make_app_request(const ImageArg& image, std::span<const OptionUse> leading) {
  warn_if_deprecated(image.uses);
  AppRequest app;
  app.image = image.image;
  app.args.assign(image.args.begin(), image.args.end());
  app.has_args = image.has_args;
  for (const OptionUse& use : leading)
    if (!is_overridden(use, image.uses)) TRY(apply_app_default(use, app));
  for (const OptionUse& use : image.uses)
    TRY_CTX(apply_app_flag(use, app), "image '{}'", printable(image.image));
  if (app.isolators.caps_retain && app.isolators.caps_remove)
    return fail(ErrorKind::kInvalidInput, "image '{}': --caps-retain and --caps-remove exclude each other",
                printable(image.image));
  return app;
}

namespace {

// `--mount` before the first image.
Result<std::vector<MountRequest>> leading_mounts(std::span<const OptionUse> uses) {
  AppRequest all_apps;
  for (const OptionUse& use : uses) TRY(apply_option(kMountFlags, use, all_apps));
  return std::move(all_apps.mounts);
}

Result<std::vector<NameValue>> merged_environment(const PodFlags& flags) {
  std::vector<NameValue> merged;
  for (const std::string& path : flags.env_files) {
    const std::string content =
        TRY_CTX(sys::read_file(sys::at_cwd(), path), "environment file '{}'", printable(path));
    for (NameValue& variable : TRY_CTX(parse_env_file(content), "environment file '{}'", printable(path))) {
      if (std::ranges::find(merged, variable.name, &NameValue::name) != merged.end())
        return fail(ErrorKind::kInvalidInput, "environment file '{}': '{}' is already set by another file",
                    printable(path), printable(variable.name));
      merged.push_back(std::move(variable));
    }
  }
  for (const NameValue& variable : flags.prepare.set_env) {
    const auto known = std::ranges::find(merged, variable.name, &NameValue::name);
    if (known == merged.end())
      merged.push_back(variable);
    else
      known->value = variable.value;
  }
  return merged;
}

// A pod manifest says what apps there are; whatever else would say it is a contradiction.
Result<> check_pod_manifest(const PrepareRequest& request, const PodFlags& flags,
                            std::span<const OptionUse> uses) {
  if (request.pod_manifest.empty()) {
    if (request.apps.empty())
      return std::unexpected(
          Error(ErrorKind::kInvalidInput, "must provide at least one image or specify the pod manifest")
              .with_hint("usage: run [FLAGS] IMAGE [APP FLAGS] [-- ARG… [---]] [IMAGE…]"));
    return {};
  }
  AppRequest all_apps;
  bool has_app_flags = false;
  for (const OptionUse& use : uses) has_app_flags = TRY(apply_app_default(use, all_apps)) || has_app_flags;
  const bool conflict = has_app_flags || !request.apps.empty() || !request.volumes.empty() ||
                        !request.kernel.empty() || !request.mounts.empty() || !request.ports.empty() ||
                        request.inherit_env || request.resources != PodResourceFlags{} ||
                        !request.set_env.empty() || !flags.env_files.empty() ||
                        request.pull_policy != PullPolicy::kNew;
  if (conflict)
    return fail(ErrorKind::kInvalidInput, "conflicting flags set with --pod-manifest (see --help)");
  return {};
}

Result<PrepareRequest> finish_prepare(const ImageArgs& args, const InsecureOptions& insecure,
                                      PodFlags& flags) {
  TRY(apply_pull_aliases(flags));
  PrepareRequest& request = flags.prepare;
  request.insecure = insecure;
  request.mounts = TRY(leading_mounts(args.uses));
  for (const ImageArg& image : args.images) request.apps.push_back(TRY(make_app_request(image, args.uses)));
  request.set_env = TRY(merged_environment(flags));
  TRY(check_pod_manifest(request, flags, args.uses));
  return std::move(request);
}

Result<> check_launch(const LaunchRequest& launch) {
  const bool is_alone = launch.networks.size() == 1 && launch.networks.front().name == "none";
  if (launch.mds_register && is_alone)
    return fail(ErrorKind::kInvalidInput,
                "--mds-register does not work with the network 'none': use 'host', "
                "'default' or another network that reaches the host");
  return {};
}

// What is decided when a pod starts, against what it is.
Result<> check_start(const RunRequest& request) {
  TRY(check_launch(request.launch));
  const auto& networks = request.launch.networks;
  const bool isolated =
      networks.empty() || (networks.front().name != "host" && networks.front().name != "none");
  if (!request.prepare.ports.empty() && !isolated)
    return fail(ErrorKind::kInvalidInput, "--port does not work with the networks 'none' and 'host'");
  return {};
}

}  // namespace

Result<RunRequest> make_run_request(const ImageArgs& args, const InsecureOptions& insecure) {
  PodFlags flags = TRY(apply_pod_flags(args.uses));
  RunRequest request;
  request.prepare = TRY(finish_prepare(args, insecure, flags));
  request.launch = std::move(flags.launch);
  request.uuid_file_save = std::move(flags.uuid_file_save);
  TRY(check_start(request));
  if (request.launch.interactive && request.prepare.apps.size() > 1)
    return fail(ErrorKind::kInvalidInput, "--interactive: interactive option only supports one image");
  return request;
}

Result<SandboxRequest> make_sandbox_request(std::span<const OptionUse> uses,
                                            const InsecureOptions& insecure) {
  PodFlags flags = TRY(apply_pod_flags(uses));
  SandboxRequest request{.run = {}, .detach = flags.detach, .ready_timeout = flags.ready_timeout};
  RunRequest& run = request.run;
  run.prepare = std::move(flags.prepare);
  run.prepare.is_mutable = true;
  run.prepare.insecure = insecure;
  run.launch = std::move(flags.launch);
  run.uuid_file_save = std::move(flags.uuid_file_save);
  TRY(check_start(run));
  return request;
}

Result<PrepareRequest> make_prepare_request(const ImageArgs& args, const InsecureOptions& insecure) {
  PodFlags flags = TRY(apply_pod_flags(args.uses));
  return finish_prepare(args, insecure, flags);
}

Result<LaunchRequest> make_launch_request(std::span<const OptionUse> uses) {
  PodFlags flags = TRY(apply_pod_flags(uses));
  TRY(check_launch(flags.launch));
  return std::move(flags.launch);
}

Result<std::vector<FetchRequest>> make_fetch_requests(const ImageArgs& args,
                                                      const InsecureOptions& insecure) {
  warn_if_deprecated(args.uses);
  PodFlags flags;
  flags.prepare.pull_policy = PullPolicy::kUpdate;
  for (const OptionUse& use : args.uses) TRY(apply_option(kFetchPullFlags, use, flags));
  TRY(apply_pull_aliases(flags));
  std::vector<FetchRequest> requests;
  for (const ImageArg& image : args.images) {
    AppRequest app = TRY(make_app_request(image, {}));
    if (image.has_args)
      return fail(ErrorKind::kInvalidInput, "image '{}': arguments make no sense for fetching",
                  printable(image.image));
    requests.push_back({.image = std::move(app.image),
                        .options = {.policy = flags.prepare.pull_policy,
                                    .insecure = insecure,
                                    .platform = flags.prepare.platform,
                                    .max_bytes = flags.prepare.max_image_bytes,
                                    .signature = std::move(app.signature)}});
  }
  if (requests.empty())
    return std::unexpected(Error(ErrorKind::kInvalidInput, "must provide at least one image")
                               .with_hint("as in fetch docker://debian:12, oci:PATH[:TAG] or ./FILE.aci"));
  return requests;
}

}  // namespace agena::stage0
