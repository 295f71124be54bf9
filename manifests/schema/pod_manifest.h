// The pod manifest of appc 0.8.11 ("Pod Manifest Schema").
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "manifests/schema/ac_name.h"
#include "manifests/schema/app.h"
#include "manifests/schema/extra.h"
#include "manifests/schema/image_id.h"
#include "manifests/schema/labels.h"
#include "manifests/schema/port.h"
#include "manifests/schema/semver.h"
#include "manifests/schema/volume.h"

namespace agena::schema {

// The image that an app runs; name and labels tell a reader where the ID came from.
struct RuntimeImage {
  ImageId id;
  std::optional<AcIdentifier> name = {};
  Labels labels = {};
  Extra extra = {};
  bool operator==(const RuntimeImage&) const = default;
};

// One app of a pod.
struct RuntimeApp {
  AcName name;  // unique in the pod
  RuntimeImage image;
  std::optional<App> app = {};  // replaces the image's app section as a whole
  bool read_only_root_fs = false;
  std::vector<Mount> mounts = {};
  Annotations annotations = {};
  Extra extra = {};
  bool operator==(const RuntimeApp&) const = default;
};

struct PodManifest {
  Semver ac_version = Semver::appc();
  std::vector<RuntimeApp> apps = {};
  std::vector<Volume> volumes = {};
  std::vector<Isolator> isolators = {};
  Annotations annotations = {};
  std::vector<ExposedPort> ports = {};
  StringMap user_annotations = {};
  StringMap user_labels = {};
  Extra extra = {};
  bool operator==(const PodManifest&) const = default;
};

// The app or volume of a name, or nullptr.
const RuntimeApp* find_app(const PodManifest& pod, std::string_view name);
const Volume* find_volume(const PodManifest& pod, std::string_view name);

}  // namespace agena::schema
