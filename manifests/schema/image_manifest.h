// The image manifest of appc 0.8.11 ("Image Manifest Schema").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifests/schema/ac_name.h"
#include "manifests/schema/app.h"
#include "manifests/schema/extra.h"
#include "manifests/schema/image_id.h"
#include "manifests/schema/labels.h"
#include "manifests/schema/semver.h"

namespace agena::schema {

// An image that this image's root file system is put on top of.
struct Dependency {
  AcIdentifier image_name;
  std::optional<ImageId> image_id = {};
  Labels labels = {};
  std::optional<std::uint64_t> size = {};  // bytes of the image file
  Extra extra = {};
  bool operator==(const Dependency&) const = default;
};

struct ImageManifest {
  AcIdentifier name;
  Semver ac_version = Semver::appc();
  Labels labels = {};
  std::optional<App> app = {};
  Annotations annotations = {};
  std::vector<Dependency> dependencies = {};
  std::vector<std::string> path_whitelist = {};  // absolute paths; empty: everything
  Extra extra = {};
  bool operator==(const ImageManifest&) const = default;
};

}  // namespace agena::schema
