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

// How messages name an image: name and version.
std::string shown_image(const ImageRecord& image);

}  // namespace agena::stage0
