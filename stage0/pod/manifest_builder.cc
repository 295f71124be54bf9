#include "stage0/pod/manifest_builder.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/contract/entrypoints.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/codec/pod_manifest.h"
#include "manifests/isolators/isolators.h"
#include "manifests/schema/port_map.h"
#include "stage0/pod/app_builder.h"
#include "stage0/pod/mutable_pod.h"
#include "stage0/pod/port_request.h"
#include "stage0/pod/resource_isolators.h"

namespace agena::stage0 {
namespace {

Result<> add_volumes(const PrepareRequest& request, schema::PodManifest& pod) {
  for (const VolumeRequest& volume : request.volumes) {
    if (schema::find_volume(pod, volume.name) != nullptr)
      return fail(ErrorKind::kInvalidInput, "duplicate volume name '{}'", volume.name);
    pod.volumes.push_back(TRY_CTX(make_volume(volume), "--volume"));
  }
  return {};
}

Result<> add_pod_isolators(const PrepareRequest& request, schema::PodManifest& pod) {
  pod.isolators = TRY(pod_isolators(request.resources));
  const KernelRequest& kernel = request.kernel;
  if (kernel.shm_size)
    pod.isolators.push_back(
        TRY_CTX(isolators::make_isolator(schema::IsolatorKind::kShmSize, schema::ShmSize{*kernel.shm_size}),
                "--shm-size"));
  if (!kernel.sysctls.values.empty())
    pod.isolators.push_back(
        TRY_CTX(isolators::make_isolator(schema::IsolatorKind::kSysctls, kernel.sysctls), "--sysctl"));
  return {};
}

Result<> add_ports(const PrepareRequest& request, schema::PodManifest& pod) {
  for (const PortRequest& port : request.ports) pod.ports.push_back(TRY(expose(port, pod.apps)));
  return check_ports(pod);
}

Result<> add_pod_facts(const PrepareRequest& request, schema::PodManifest& pod) {
  for (const NameValue& item : request.annotations)
    pod.annotations.set(TRY_CTX(schema::AcIdentifier::parse(item.name), "--annotation"), item.value);
  pod.annotations.set(TRY(schema::AcIdentifier::parse(contract::kMutableAnnotation)),
                      request.is_mutable ? "true" : "false");
  for (const NameValue& item : request.user_annotations) pod.user_annotations[item.name] = item.value;
  for (const NameValue& item : request.user_labels) pod.user_labels[item.name] = item.value;
  return {};
}

// Low to high: the image's, the caller's (missing names only), the app's flags, --set-env-file, --set-env.
// The app's flags are in already, so the caller's only fill gaps, which comes to the same.
void add_pod_environment(const PrepareRequest& request, const CallerFacts& caller, schema::App& app) {
  if (request.inherit_env)
    for (const NameValue& variable : caller.environment) add_missing_environment(app, variable);
  for (const NameValue& variable : request.set_env) set_environment(app, variable);
}

Result<schema::RuntimeApp> build_pod_app(const PrepareRequest& request, const AppRequest& app_request,
                                         const ImageRecord& image, const CallerFacts& caller) {
  auto app = TRY(build_app(app_request, image, caller));
  add_pod_environment(request, caller, *app.app);
  TRY(merge_mounts(request.mounts, app));
  return app;
}

}  // namespace

Result<schema::PodManifest> build_pod_manifest(const PrepareRequest& request,
                                               std::span<const ImageRecord> images,
                                               const CallerFacts& caller) {
  if (request.apps.size() != images.size())
    return fail(ErrorKind::kInternal, "{} apps but {} images", request.apps.size(), images.size());
  if (request.apps.empty() && !request.is_mutable)
    return fail(ErrorKind::kInvalidInput, "pod must contain at least one application");
  schema::PodManifest pod;
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto app = TRY_CTX(build_pod_app(request, request.apps[i], images[i], caller), "image '{}'",
                       printable(request.apps[i].image));
    if (schema::find_app(pod, app.name.str()) != nullptr)
      return std::unexpected(
          Error(ErrorKind::kInvalidInput, fmt::format("multiple apps with name {}", app.name.str()))
              .with_hint("--name=NAME behind an image names its app"));
    pod.apps.push_back(std::move(app));
  }
  TRY(add_volumes(request, pod));
  TRY(add_pod_isolators(request, pod));
  TRY(add_ports(request, pod));
  TRY(add_pod_facts(request, pod));
  TRY(codec::validate_pod_references(pod));
  TRY(codec::validate_pod_manifest(pod));
  return pod;
}

Result<> check_given_manifest(const schema::PodManifest& manifest, std::span<const ImageRecord> images) {
  if (manifest.apps.empty() && !is_mutable_pod(manifest))
    return fail(ErrorKind::kInvalidInput, "pod must contain at least one application");
  std::vector<schema::AppPorts> ports;
  for (std::size_t i = 0; i < manifest.apps.size(); ++i) {
    const schema::RuntimeApp& app = manifest.apps[i];
    const ImageRecord& image = images[i];
    TRY_CTX(codec::check_platform(image.manifest.labels), "app '{}'", app.name.str());
    const schema::App* section = app.app ? &*app.app : image.manifest.app ? &*image.manifest.app : nullptr;
    if (section == nullptr)
      return fail(ErrorKind::kInvalidInput, "app '{}': image \"{}\" has no app section", app.name.str(),
                  shown_image(image));
    if (section->exec.empty())
      return fail(ErrorKind::kInvalidInput, "app '{}': image \"{}\" has an empty \"exec\"", app.name.str(),
                  shown_image(image));
    ports.push_back({app.name.str(), section->ports});
  }
  TRY(schema::port_mappings(manifest.ports, ports));
  return codec::validate_pod_references(manifest);
}

}  // namespace agena::stage0
