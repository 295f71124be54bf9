// What the commands print with --format=json: the documents of rkt's `list`, `status`, `app status` and
// `image list`, and manifests laid out anew.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/pod_info.h"
#include "stage0/store/image_record.h"

namespace agena::stage0 {

enum class JsonStyle { kCompact, kPretty };
// The style of a --format value ("json" or "json-pretty").
JsonStyle style_of_format(std::string_view format);

// An object for a pod. "name" is the UUID; times of the pod are seconds, those of its apps nanoseconds.
Result<std::string> pod_json(const PodInfo& pod, JsonStyle style);
// An array of such objects.
Result<std::string> pods_json(const std::vector<PodInfo>& pods, JsonStyle style);

// The same objects as in a pod's "apps".
Result<std::string> app_json(const AppInfo& app, JsonStyle style);
Result<std::string> apps_json(const std::vector<AppInfo>& apps, JsonStyle style);

// What `image list` shows of an image.
struct ImageRow {
  std::string id;    // "sha512-" and 64 digits
  std::string name;  // "name:version"
  std::uint64_t size = 0;
  Nanoseconds import_time = 0;
  Nanoseconds last_used = 0;
  // Ours, beyond rkt's.
  std::vector<std::string> names = {};  // that stand for it
  std::string format = {};
  std::string digest = {};  // of the manifest; empty for images without one
  std::uint64_t unique = 0;
  std::uint64_t shared = 0;
  std::size_t layers = 0;
};
// An array of {id, name, import_time, last_used_time, size}, and of ours: names, format, digest, unique_size,
// shared_size, layers.
Result<std::string> images_json(const std::vector<ImageRow>& images, JsonStyle style);

// The same document, laid out in this style. Members keep their order.
Result<std::string> restyle_json(std::string_view document, JsonStyle style);

}  // namespace agena::stage0
