// The appc image manifest that an OCI or docker image presents: its name, labels and app section, made of the
// image's config: docker2aci's conventions, without their faults: users
// without a group get their primary group, volumes are numbered in a fixed order.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "manifests/schema/image_manifest.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/image/platform.h"

namespace agena::stage0 {

// Reads a small file of the image's root ("etc/passwd"); nullopt if there is none.
using RootFileReader = std::function<Result<std::optional<std::string>>(const std::string& path)>;

// Derives the manifest. Settings that cannot be had in it (a port without a number, a variable without '=')
// are left out, as docker does.
Result<schema::ImageManifest> derive_manifest(const LayeredImage& image, const RootFileReader& read_file);

// A platform's architecture in appc's words ("aarch64" for "arm64").
std::string arch_label(const Platform& platform);

}  // namespace agena::stage0
