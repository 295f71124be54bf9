// What makes a pod mutable: apps are added to it, started, stopped and removed while it runs.
#pragma once

#include "common/base/result.h"
#include "manifests/schema/image_manifest.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::stage0 {

// Whether the manifest's annotation says so.
bool is_mutable_pod(const schema::PodManifest& manifest);

// kUnsupported for a stage1 image that lacks entrypoints for apps that come and go; names those.
Result<> check_can_be_mutable(const schema::ImageManifest& stage1);

}  // namespace agena::stage0
