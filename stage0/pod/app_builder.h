// One app of the pod manifest out of its image and its flags.
#pragma once

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/manifest_builder.h"
#include "stage0/pod/run_request.h"
#include "stage0/store/image_record.h"

namespace agena::stage0 {

// The app without what the pod adds (inherited and set environment, mounts for all apps).
Result<schema::RuntimeApp> build_app(const AppRequest& request, const ImageRecord& image,
                                     const CallerFacts& caller);

// Sets a variable, replacing one of the same name.
void set_environment(schema::App& app, const NameValue& variable);
// Adds a variable unless the app has one of that name.
void add_missing_environment(schema::App& app, const NameValue& variable);

// A mount request as the manifest has it. The target must be absolute, and not the root itself.
Result<schema::Mount> make_mount(const MountRequest& request);

// Puts mounts for all apps before the app's own; of several at one path the last counts, so the app's win.
Result<> merge_mounts(const std::vector<MountRequest>& for_all_apps, schema::RuntimeApp& app);

// A volume request as the manifest has it.
Result<schema::Volume> make_volume(const VolumeRequest& request);

// A path without "." parts and doubled or trailing slashes, so that equal targets are equal texts.
std::string clean_path(const std::string& path);

// How messages name an image: name and version.
std::string shown_image(const ImageRecord& image);

}  // namespace agena::stage0
