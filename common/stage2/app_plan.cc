#include "common/stage2/app_plan.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"

namespace agena::stage2 {
namespace {

struct Default {
  const char* name;
  const char* value;
};
// appc 0.8.11, ace "execution environment", and rkt's additions.
constexpr std::array kDefaults = {
    Default{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    Default{"SHELL", "/bin/sh"},
    Default{"USER", "root"},
    Default{"LOGNAME", "root"},
    Default{"HOME", "/root"},
};

void set(std::vector<EnvironmentVariable>& environment, const std::string& name, const std::string& value) {
  const auto it = std::ranges::find(environment, name, &EnvironmentVariable::name);
  if (it != environment.end())
    it->value = value;
  else
    environment.push_back({name, value});
}

}  // namespace

std::vector<EnvironmentVariable> app_environment(const AppContext& context) {
  std::vector<EnvironmentVariable> environment;
  for (const Default& row : kDefaults) environment.push_back({row.name, row.value});
  for (const schema::EnvironmentVariable& variable : context.app->environment)
    set(environment, variable.name, variable.value);
  set(environment, "AC_APP_NAME", context.name);
  if (!context.metadata_url.empty()) set(environment, "AC_METADATA_URL", context.metadata_url);
  return environment;
}

namespace {

LaunchPlan common_plan(const AppContext& context) {
  LaunchPlan plan;
  plan.app = context.name;
  plan.environment = app_environment(context);
  plan.working_directory = context.app->working_directory.empty() ? "/" : context.app->working_directory;
  plan.create_working_directory = context.docker_rules;
  return plan;
}

}  // namespace

Result<LaunchPlan> plan_app(const AppContext& context) {
  if (context.app->exec.empty())
    return fail(ErrorKind::kInvalidInput, "image of app \"{}\" has an empty \"exec\" (try --exec=BINARY)",
                context.name);
  LaunchPlan plan = common_plan(context);
  plan.argv = context.app->exec;
  plan.user = context.app->user;
  plan.group = context.app->group;
  for (const std::uint32_t gid : context.app->supplementary_gids) plan.supplementary_gids.push_back(gid);
  return plan;
}

LaunchPlan plan_handler(const AppContext& context, const schema::EventHandler& handler) {
  LaunchPlan plan = common_plan(context);
  plan.role = handler.event == schema::AppEvent::kPreStart ? Role::kPreStart : Role::kPostStop;
  plan.argv = handler.exec;
  plan.pass_environment = {"SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"};
  return plan;
}

namespace {

// Path without "." parts and doubled or trailing slashes, so that equal targets compare equal. ".." stays:
// the kernel resolves it inside the root.
std::string normalised(const std::string& path) {
  std::string result;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (!part.empty() && part != ".") result += "/" + part;
    at = end + 1;
  }
  return result.empty() ? "/" : result;
}

// A volume at a path. `mount_point_read_only` counts where the volume does not say.
Result<AppMount> mount_at(const schema::Volume& volume, const std::string& path, bool mount_point_read_only) {
  if (path == "/")
    return fail(ErrorKind::kInvalidInput, "volume '{}' cannot be mounted on the app's root",
                volume.name.str());
  AppMount mount{.volume = volume,
                 .path = path,
                 .read_only = volume.read_only.value_or(mount_point_read_only),
                 .implicit = false};
  const bool is_private =
      volume.propagation.value_or(schema::Propagation::kPrivate) == schema::Propagation::kPrivate;
  if (mount.read_only && !is_private)
    return fail(ErrorKind::kInvalidInput,
                "volume '{}' is mounted read-only at '{}', so it can only be private: what is mounted below "
                "it later would be writable",
                volume.name.str(), printable(path));
  return mount;
}

const schema::MountPoint* mount_point_at(const schema::App& app, const std::string& path) {
  const auto it = std::ranges::find_if(
      app.mount_points, [&](const schema::MountPoint& point) { return normalised(point.path) == path; });
  return it == app.mount_points.end() ? nullptr : &*it;
}

Result<AppMount> explicit_mount(const schema::PodManifest& pod, const schema::App& app,
                                const schema::Mount& mount) {
  const schema::Volume* volume =
      mount.app_volume ? &*mount.app_volume : schema::find_volume(pod, mount.volume.str());
  if (volume == nullptr)
    return fail(ErrorKind::kInvalidInput, "dangling mount point: no volume '{}' for '{}'", mount.volume.str(),
                mount.path);
  const std::string path = normalised(mount.path);
  const schema::MountPoint* point = mount_point_at(app, path);
  return mount_at(*volume, path, point != nullptr && point->read_only);
}

Result<AppMount> mount_of_point(const schema::PodManifest& pod, const std::string& app_name,
                                const schema::MountPoint& point) {
  const schema::Volume* volume = schema::find_volume(pod, point.name.str());
  if (volume != nullptr) return mount_at(*volume, normalised(point.path), point.read_only);
  const schema::Volume empty{.name = TRY(schema::AcName::parse(app_name + "-" + point.name.str()))};
  AppMount mount = TRY(mount_at(empty, normalised(point.path), point.read_only));
  mount.implicit = true;
  return mount;
}

}  // namespace

Result<std::vector<AppMount>> resolve_app_mounts(const schema::PodManifest& pod,
                                                 const schema::RuntimeApp& runtime, const schema::App& app) {
  std::vector<AppMount> mounts;
  for (const schema::Mount& mount : runtime.mounts) mounts.push_back(TRY(explicit_mount(pod, app, mount)));
  const std::vector<schema::TmpfsMount> tmpfs = tmpfs_mounts_of(app);
  for (const schema::TmpfsMount& mount : tmpfs)
    if (std::ranges::find(mounts, mount.path, &AppMount::path) != mounts.end())
      return fail(ErrorKind::kInvalidInput, "both a volume and a tmpfs are to be mounted at '{}'",
                  printable(mount.path));
  for (const schema::MountPoint& point : app.mount_points) {
    const std::string path = normalised(point.path);
    const bool taken = std::ranges::find(mounts, path, &AppMount::path) != mounts.end() ||
                       std::ranges::find(tmpfs, path, &schema::TmpfsMount::path) != tmpfs.end();
    if (!taken) mounts.push_back(TRY(mount_of_point(pod, runtime.name.str(), point)));
  }
  std::ranges::stable_sort(mounts, {}, &AppMount::path);
  return mounts;
}

std::vector<schema::TmpfsMount> tmpfs_mounts_of(const schema::App& app) {
  const schema::Isolator* isolator = schema::find_isolator(app.isolators, schema::IsolatorKind::kTmpfs);
  const auto* value = isolator == nullptr ? nullptr : std::get_if<schema::TmpfsMounts>(&isolator->value);
  if (value == nullptr) return {};
  std::vector<schema::TmpfsMount> mounts = value->mounts;
  for (schema::TmpfsMount& mount : mounts) mount.path = normalised(mount.path);
  return mounts;
}

std::string environment_file(const std::vector<EnvironmentVariable>& environment) {
  std::string text;
  for (const EnvironmentVariable& variable : environment) text += variable.name + "=" + variable.value + "\n";
  return text;
}

std::vector<EnvironmentVariable> parse_environment_file(std::string_view text) {
  std::vector<EnvironmentVariable> environment;
  for (const std::string& line : split(text, '\n')) {
    const Cut assignment = cut(line, '=');
    if (assignment.found && !assignment.before.empty())
      environment.push_back({std::string(assignment.before), std::string(assignment.after)});
  }
  return environment;
}

}  // namespace agena::stage2
