// Changes of the manifest of a mutable pod. Pure: reads and writes no files.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// Gives an app that is to be added its own volumes: to its mounts that name them, and to the mount points of
// its image. A volume that the pod has, or that is there twice, is an error; one that nothing uses is told in
// `warnings`.
Result<> add_app_volumes(std::span<const VolumeRequest> volumes, const schema::PodManifest& pod,
                         schema::RuntimeApp& app, std::vector<std::string>& warnings);

// The manifest with an app more. kAlreadyExists if it has one of that name; an error if a mount finds no
// volume.
Result<schema::PodManifest> with_app(const schema::PodManifest& pod, schema::RuntimeApp app);
// The manifest with ports of the host that lead to an app, which it has, for as long as it is there. Errors
// as port_mappings() has them.
Result<schema::PodManifest> with_ports(const schema::PodManifest& pod, std::string_view app,
                                       std::span<const PortRequest> ports);
// The manifest without an app, which it has, and without its ports.
schema::PodManifest without_app(const schema::PodManifest& pod, std::string_view app);
// The manifest with the limits of an app, which it has, replaced. Errors name the flag.
Result<schema::PodManifest> with_limits(const schema::PodManifest& pod, std::string_view app,
                                        const IsolatorFlags& isolators, const ResourceFlags& resources);

// Apps that are on disk and not in the manifest: by what is in `appsinfo/` and in `overlay/`. Sorted.
std::vector<std::string> leftover_apps(const schema::PodManifest& pod, std::span<const std::string> infos,
                                       std::span<const std::string> overlays);
// Of the volumes on disk (`sharedVolumes/`), those that no app of the manifest can use.
std::vector<std::string> leftover_volumes(const schema::PodManifest& pod,
                                          std::span<const std::string> volumes);

}  // namespace agena::stage0
