// From the app section of a manifest to what both flavours start alike: program, identity, environment,
// working directory; and which volume goes where. What differs between flavours (root, stdio, limits) they
// add themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/stage2/launch_plan.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::stage2 {

// Annotation of images that came from docker or OCI (docker2aci's name for it): such an app follows docker's
// rules for the group, the working directory and new volumes.
inline constexpr const char* kDockerAnnotation = "appc.io/docker/imageid";

// What is known of an app when its plan is made.
struct AppContext {
  std::string name;
  const schema::App* app = nullptr;
  bool docker_rules = false;
  std::string metadata_url;  // AC_METADATA_URL; empty without a metadata service
};

// The app's environment: appc's defaults (PATH, SHELL, USER, LOGNAME, HOME) where the manifest has none,
// AC_APP_NAME, AC_METADATA_URL. Of two entries of one name the last counts.
std::vector<EnvironmentVariable> app_environment(const AppContext& context);

// Plan for the app itself. An empty exec is the error "image has an empty "exec" (try --exec=BINARY)".
Result<LaunchPlan> plan_app(const AppContext& context);
// Plan for an event handler: as root, in the app's root and environment.
LaunchPlan plan_handler(const AppContext& context, const schema::EventHandler& handler);

// One volume to be mounted into an app.
struct AppMount {
  schema::Volume volume;
  std::string path;  // inside the app's root
  bool read_only = false;
  bool implicit = false;  // nobody gave a volume for this mount point: a new empty one, named APP-MOUNTPOINT
  // Such a volume begins as a copy of what the image has at the path, with its mode and owner (docker's
  // rule).
  bool with_content = false;
};

// What goes where in an app: its explicit mounts first, then mount points by volumes of the same name; a
// mount point with neither gets an implicit empty volume, unless a tmpfs is asked for there. Ordered so that
// a mount never hides one made before it (parents first). A mount and a tmpfs at one path are an error.
Result<std::vector<AppMount>> resolve_app_mounts(const schema::PodManifest& pod,
                                                 const schema::RuntimeApp& runtime, const schema::App& app);

// Paths of the app's tmpfs mounts are cleaned like those of its volumes.
std::vector<schema::TmpfsMount> tmpfs_mounts_of(const schema::App& app);

// The environment as the file rkt/env/APP of the published layout: KEY=VALUE lines.
std::string environment_file(const std::vector<EnvironmentVariable>& environment);
// The inverse; lines that are no assignment are skipped.
std::vector<EnvironmentVariable> parse_environment_file(std::string_view text);

}  // namespace agena::stage2
