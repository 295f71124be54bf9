// Which app of a pod a command is about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

// The manifest as it is on disk, parsed.
Result<schema::PodManifest> read_pod_manifest(const Pod& pod);

// An app that a pod does not have: says which it has, and which of them is meant perhaps.
Error no_such_app(std::string_view app, const std::vector<std::string>& names);

// The app that was asked for, or the only one if none was (empty). Errors are kInvalidInput, say what apps
// there are, and name the command ("enter").
Result<std::string> choose_app(const schema::PodManifest& manifest, const std::string& wanted,
                               std::string_view command);

}  // namespace agena::stage0
