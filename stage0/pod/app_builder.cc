#include "stage0/pod/app_builder.h"

#include <algorithm>
#include <filesystem>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/isolators/isolators.h"
#include "manifests/schema/annotations.h"
#include "manifests/schema/app_io.h"
#include "stage0/pod/isolator_flags.h"
#include "stage0/pod/resource_isolators.h"

namespace agena::stage0 {
namespace {

Result<schema::AcName> choose_name(const AppRequest& request, const ImageRecord& image) {
  if (!request.name.empty()) return TRY_CTX(schema::AcName::parse(request.name), "--name");
  return schema::AcName::sanitised(image.manifest.name.last_element());
}

// The app section that flags are applied to: the image's, or, where only --exec makes the image runnable, a
// bare one that runs as the caller.
Result<schema::App> base_section(const AppRequest& request, const ImageRecord& image,
                                 const CallerFacts& caller) {
  if (image.manifest.app) return *image.manifest.app;
  if (request.exec.empty())
    return fail(ErrorKind::kInvalidInput, "image \"{}\" has no app section (try --exec=BINARY)",
                shown_image(image));
  schema::App app;
  app.user = fmt::format("{}", caller.uid);
  app.group = fmt::format("{}", caller.gid);
  return app;
}

// Arguments follow the program of --exec and the exec of an ACI (rkt's rule); they replace the Cmd of a
// docker or OCI image and keep its entrypoint (docker's rule).
std::vector<std::string> choose_exec(const AppRequest& request, const ImageRecord& image,
                                     const schema::App& app) {
  std::vector<std::string> exec = app.exec;
  if (!request.exec.empty())
    exec = {request.exec};
  else if (request.has_args && image.arguments_replace_cmd())
    exec = image.oci->entrypoint;
  else if (request.has_args && request.args_replace && !exec.empty())
    exec.resize(1);
  exec.insert(exec.end(), request.args.begin(), request.args.end());
  return exec;
}

// What an image says of itself, without what only whoever runs it may say.
Result<schema::Annotations> annotations_of(const ImageRecord& image) {
  schema::Annotations kept;
  for (const schema::Annotation& item : image.manifest.annotations)
    if (!schema::is_runner_annotation(item.name.str())) kept.add_new(item.name, item.value);
  // By itself an image does not keep anybody longer who stops it.
  constexpr Nanoseconds kMostStopTimeout = 24 * 3600 * kSecond;
  const std::string* timeout = kept.find(schema::annotation::kStopTimeout);
  const auto time = timeout == nullptr ? Result<Nanoseconds>(0) : parse_duration(*timeout);
  if (time && *time > kMostStopTimeout)
    kept.set(TRY(schema::AcIdentifier::parse(schema::annotation::kStopTimeout)), "24h");
  return kept;
}

void apply_overrides(const AppRequest& request, schema::App& app) {
  if (!request.user.empty()) app.user = request.user;
  if (!request.group.empty()) app.group = request.group;
  if (request.supplementary_gids) app.supplementary_gids = *request.supplementary_gids;
  if (!request.working_dir.empty()) app.working_directory = request.working_dir;
  for (const NameValue& variable : request.environment) set_environment(app, variable);
  for (const NameValue& item : request.user_annotations) app.user_annotations[item.name] = item.value;
  for (const NameValue& item : request.user_labels) app.user_labels[item.name] = item.value;
}

// A device is a volume of the app alone.
Result<schema::Mount> make_device(const DeviceRequest& request) {
  const auto st = sys::stat_at(sys::at_cwd(), request.source, 0);
  if (!st) return fail(st.error().kind(), "the host has no device '{}'", printable(request.source));
  if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode) && !S_ISDIR(st->st_mode))
    return fail(ErrorKind::kInvalidInput, "'{}' is neither a device nor a directory of devices",
                printable(request.source));
  schema::Volume volume{.name = TRY(schema::AcName::sanitised("device" + request.target)),
                        .kind = schema::VolumeKind::kHost,
                        .source = request.source,
                        .recursive = false,
                        .device_access = request.access};
  schema::AcName name = volume.name;
  return schema::Mount{
      .volume = std::move(name), .path = request.target, .app_volume = std::move(volume), .extra = {}};
}

Result<> add_file_systems(const FileSystemRequest& request, schema::RuntimeApp& runtime) {
  for (const DeviceRequest& device : request.devices)
    runtime.mounts.push_back(TRY_CTX(make_device(device), "--device"));
  if (request.tmpfs.empty()) return {};
  std::erase_if(runtime.app->isolators, [](const schema::Isolator& isolator) {
    return isolator.kind == schema::IsolatorKind::kTmpfs;
  });
  runtime.app->isolators.push_back(TRY_CTX(
      isolators::make_isolator(schema::IsolatorKind::kTmpfs, schema::TmpfsMounts{request.tmpfs}), "--tmpfs"));
  return {};
}

}  // namespace

std::string shown_image(const ImageRecord& image) {
  const std::string* version = image.manifest.labels.find("version");
  return image.manifest.name.str() + (version == nullptr ? "" : ":" + *version);
}

void set_environment(schema::App& app, const NameValue& variable) {
  std::erase_if(app.environment,
                [&](const schema::EnvironmentVariable& present) { return present.name == variable.name; });
  app.environment.push_back({variable.name, variable.value});
}

void add_missing_environment(schema::App& app, const NameValue& variable) {
  if (std::ranges::find(app.environment, variable.name, &schema::EnvironmentVariable::name) ==
      app.environment.end())
    app.environment.push_back({variable.name, variable.value});
}

Result<schema::Mount> make_mount(const MountRequest& request) {
  if (!request.target.starts_with('/') || request.target.find_first_not_of("/.") == std::string::npos)
    return fail(ErrorKind::kInvalidInput, "mount target '{}' is not an absolute path below the root",
                printable(request.target));
  return schema::Mount{.volume = TRY_CTX(schema::AcName::parse(request.volume), "volume of mount '{}'",
                                         printable(request.target)),
                       .path = request.target,
                       .app_volume = std::nullopt,
                       .extra = {}};
}

std::string clean_path(const std::string& path) {
  std::string clean = std::filesystem::path(path).lexically_normal().string();
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return clean;
}

Result<> merge_mounts(const std::vector<MountRequest>& for_all_apps, schema::RuntimeApp& app) {
  std::vector<schema::Mount> mounts;
  for (const MountRequest& mount : for_all_apps) mounts.push_back(TRY(make_mount(mount)));
  std::ranges::move(app.mounts, std::back_inserter(mounts));
  app.mounts.clear();
  for (auto it = mounts.begin(); it != mounts.end(); ++it) {
    const std::string path = clean_path(it->path);
    const bool overridden = std::any_of(std::next(it), mounts.end(), [&](const schema::Mount& later) {
      return clean_path(later.path) == path;
    });
    if (!overridden) app.mounts.push_back(std::move(*it));
  }
  return {};
}

Result<schema::Volume> make_volume(const VolumeRequest& request) {
  schema::Volume volume{.name = TRY(schema::AcName::parse(request.name))};
  volume.kind =
      request.kind == VolumeRequest::Kind::kHost ? schema::VolumeKind::kHost : schema::VolumeKind::kEmpty;
  volume.source = request.source;
  volume.read_only = request.read_only;
  volume.recursive = request.recursive;
  volume.propagation = request.propagation;
  volume.map_ids = request.map_ids;
  volume.mode = request.mode.value_or(volume.mode);
  volume.uid = request.uid.value_or(volume.uid);
  volume.gid = request.gid.value_or(volume.gid);
  return volume;
}

Result<schema::RuntimeApp> build_app(const AppRequest& request, const ImageRecord& image,
                                     const CallerFacts& caller) {
  TRY_CTX(codec::check_platform(image.manifest.labels), "image '{}'", shown_image(image));
  schema::RuntimeApp runtime{.name = TRY(choose_name(request, image)),
                             .image = {.id = TRY(schema::ImageId::parse(image.id)),
                                       .name = image.manifest.name,
                                       .labels = image.manifest.labels,
                                       .extra = {}},
                             .app = TRY(base_section(request, image, caller)),
                             .read_only_root_fs = request.readonly_rootfs.value_or(false),
                             .mounts = {},
                             .annotations = TRY(annotations_of(image)),
                             .extra = {}};
  runtime.app->exec = choose_exec(request, image, *runtime.app);
  if (runtime.app->exec.empty())
    return fail(ErrorKind::kInvalidInput, "image \"{}\" has an empty \"exec\" (try --exec=BINARY)",
                shown_image(image));
  apply_overrides(request, *runtime.app);
  TRY(apply_isolator_flags(request.isolators, runtime.app->isolators));
  TRY(apply_resource_flags(request.resources, runtime.app->isolators));
  for (const NameValue& item : request.annotations)
    runtime.annotations.set(TRY_CTX(schema::AcIdentifier::parse(item.name), "--annotation"), item.value);
  TRY(apply_life_request(request.life, runtime.annotations));
  TRY(schema::read_app_io(runtime.annotations));
  for (const MountRequest& mount : request.mounts) runtime.mounts.push_back(TRY(make_mount(mount)));
  TRY(add_file_systems(request.file_systems, runtime));
  return runtime;
}

}  // namespace agena::stage0
