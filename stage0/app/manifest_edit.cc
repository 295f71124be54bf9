#include "stage0/app/manifest_edit.h"

#include <algorithm>

#include "common/base/strings.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/pod/app_builder.h"
#include "stage0/pod/isolator_flags.h"
#include "stage0/pod/port_request.h"
#include "stage0/pod/resource_isolators.h"

namespace agena::stage0 {
namespace {

bool is_mounted_at(const schema::RuntimeApp& app, const std::string& path) {
  return std::ranges::any_of(
      app.mounts, [&](const schema::Mount& mount) { return clean_path(mount.path) == clean_path(path); });
}

// Whether anything uses the volume.
bool give_volume(const schema::Volume& volume, schema::RuntimeApp& app) {
  bool used = false;
  for (schema::Mount& mount : app.mounts) {
    if (mount.volume != volume.name || mount.app_volume) continue;
    mount.app_volume = volume;
    used = true;
  }
  if (!app.app) return used;
  for (const schema::MountPoint& point : app.app->mount_points) {
    if (point.name != volume.name || is_mounted_at(app, point.path)) continue;
    app.mounts.push_back({.volume = volume.name, .path = point.path, .app_volume = volume, .extra = {}});
    used = true;
  }
  return used;
}

// Isolators are appended by flags, and of a kind the last counts: an app that is changed again and again must
// not grow.
void keep_last_of_kind(std::vector<schema::Isolator>& isolators, schema::IsolatorKind kind) {
  const auto last = std::ranges::find(isolators.rbegin(), isolators.rend(), kind, &schema::Isolator::kind);
  if (last == isolators.rend()) return;
  const schema::Isolator kept = *last;
  std::erase_if(isolators, [&](const schema::Isolator& isolator) { return isolator.kind == kind; });
  isolators.push_back(kept);
}

Result<> check_limits(const IsolatorFlags& isolators, const ResourceFlags& resources) {
  IsolatorFlags others = isolators;
  others.memory = others.cpu = others.cpu_shares = std::nullopt;
  if (others != IsolatorFlags() || !resources.rlimits.empty())
    return fail(ErrorKind::kInvalidInput, "only limits of memory, CPU, processes and disks can be changed");
  const bool any = isolators != IsolatorFlags() || resources != ResourceFlags();
  if (!any) return fail(ErrorKind::kInvalidInput, "no limit is to be changed");
  return {};
}

}  // namespace

Result<> add_app_volumes(std::span<const VolumeRequest> volumes, const schema::PodManifest& pod,
                         schema::RuntimeApp& app, std::vector<std::string>& warnings) {
  std::set<std::string> names;
  for (const VolumeRequest& request : volumes) {
    const schema::Volume volume = TRY_CTX(make_volume(request), "--volume");
    const bool is_new = names.insert(request.name).second;
    if (!is_new || schema::find_volume(pod, request.name) != nullptr)
      return fail(ErrorKind::kInvalidInput, "duplicate volume name '{}'", request.name);
    if (!give_volume(volume, app))
      warnings.push_back(
          fmt::format("volume '{}' is not used: app '{}' has no mount of it, and its image no mount "
                      "point of that name",
                      request.name, app.name.str()));
  }
  return {};
}

namespace {

// The other apps were read from a manifest, so they can be written.
Result<> validate_app(const schema::PodManifest& pod, const schema::RuntimeApp& app) {
  schema::PodManifest one = pod;
  one.apps = std::vector<schema::RuntimeApp>{app};
  return codec::validate_pod_manifest(one);
}

}  // namespace

Result<schema::PodManifest> with_app(const schema::PodManifest& pod, schema::RuntimeApp app) {
  if (schema::find_app(pod, app.name.str()) != nullptr)
    return std::unexpected(
        Error(ErrorKind::kAlreadyExists, fmt::format("multiple apps with name {}", app.name.str()))
            .with_hint("give the app another name (--name), or remove the other one (app rm)"));
  schema::PodManifest next = pod;
  next.apps.push_back(std::move(app));
  TRY(codec::validate_pod_references(next));
  TRY(validate_app(next, next.apps.back()));
  return next;
}

Result<schema::PodManifest> with_ports(const schema::PodManifest& pod, std::string_view app,
                                       std::span<const PortRequest> ports) {
  if (ports.empty()) return pod;
  schema::PodManifest next = pod;
  const schema::RuntimeApp& owner = *schema::find_app(pod, app);
  for (const PortRequest& port : ports) {
    next.ports.push_back(TRY(expose(port, {&owner, 1})));
    next.ports.back().app = app;
  }
  TRY_CTX(check_ports(next), "--port");
  return next;
}

schema::PodManifest without_app(const schema::PodManifest& pod, std::string_view app) {
  schema::PodManifest next = pod;
  std::erase_if(next.apps, [&](const schema::RuntimeApp& one) { return one.name.str() == app; });
  std::erase_if(next.ports, [&](const schema::ExposedPort& port) { return port.app == app; });
  return next;
}

Result<schema::PodManifest> with_limits(const schema::PodManifest& pod, std::string_view app,
                                        const IsolatorFlags& isolators, const ResourceFlags& resources) {
  TRY(check_limits(isolators, resources));
  schema::PodManifest next = pod;
  const auto changed =
      std::ranges::find_if(next.apps, [&](const schema::RuntimeApp& one) { return one.name.str() == app; });
  if (changed == next.apps.end() || !changed->app)
    return fail(ErrorKind::kInternal, "app '{}' has no app section in the pod manifest", app);
  std::vector<schema::Isolator>& list = changed->app->isolators;
  TRY(apply_isolator_flags(isolators, list));
  TRY(apply_resource_flags(resources, list));
  keep_last_of_kind(list, schema::IsolatorKind::kMemory);
  keep_last_of_kind(list, schema::IsolatorKind::kCpu);
  TRY(validate_app(next, *changed));
  return next;
}

std::vector<std::string> leftover_apps(const schema::PodManifest& pod, std::span<const std::string> infos,
                                       std::span<const std::string> overlays) {
  constexpr std::string_view kPrefix = "app-";
  std::set<std::string> left(infos.begin(), infos.end());
  for (const std::string& name : overlays)
    if (name.starts_with(kPrefix)) left.insert(name.substr(kPrefix.size()));
  for (const schema::RuntimeApp& app : pod.apps) left.erase(app.name.str());
  return {left.begin(), left.end()};
}

std::vector<std::string> leftover_volumes(const schema::PodManifest& pod,
                                          std::span<const std::string> volumes) {
  std::set<std::string> used;
  for (const schema::Volume& volume : pod.volumes) used.insert(volume.name.str());
  for (const schema::RuntimeApp& app : pod.apps)
    for (const schema::Mount& mount : app.mounts)
      used.insert((mount.app_volume ? mount.app_volume->name : mount.volume).str());
  std::vector<std::string> left;
  for (const std::string& name : volumes) {
    // Mount points that got no volume have one of this name.
    const bool implicit = std::ranges::any_of(
        pod.apps, [&](const schema::RuntimeApp& app) { return name.starts_with(app.name.str() + "-"); });
    if (!implicit && !used.contains(name)) left.push_back(name);
  }
  return left;
}

}  // namespace agena::stage0
