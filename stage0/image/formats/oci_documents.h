// The JSON documents of OCI and docker images as values: index (manifest list), manifest, config. Bytes in,
// values or complaints out; knows nothing of where they come from. OCI image-spec 1.1 and docker's schema 2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "manifests/life/health_check.h"
#include "stage0/image/platform.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// descriptor.md: what a document says of another.
struct OciDescriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform = {};
  std::map<std::string, std::string> annotations = {};

  // Value of an annotation, or empty.
  std::string annotation(const std::string& name) const;
};

// image-index.md; also a layout's index.json and docker's manifest list.
struct OciIndex {
  std::vector<OciDescriptor> manifests;
};

// manifest.md; also docker's schema 2 manifest.
struct OciManifest {
  OciDescriptor config;
  std::vector<OciDescriptor> layers;  // bottom first
};

// config.md: what we use of it.
struct OciConfig {
  Platform platform = {};
  std::string created = {};  // as written
  std::string author = {};
  std::vector<Digest> diff_ids = {};  // bottom first

  std::string user = {};
  std::vector<std::string> env = {};
  std::vector<std::string> entrypoint = {};
  std::vector<std::string> cmd = {};
  std::string working_dir = {};
  std::string stop_signal = {};
  std::optional<life::HealthSettings> healthcheck = {};
  std::vector<std::string> exposed_ports = {};  // keys, in the document's order
  std::vector<std::string> volumes = {};
  std::map<std::string, std::string> labels = {};
};

// Largest document that is read (the distribution spec asks registries for 4 MiB).
inline constexpr std::uint64_t kMaxOciDocument = 4U << 20U;
// Most layers of an image: far more than anybody makes.
inline constexpr std::size_t kMaxLayers = 10'000;

// Each is kInvalidInput with JSON pointers if the document does not hold. An index with `layers` or a
// manifest with `manifests` is refused (CVE-2021-41190: who reads it as the other sees another image).
Result<OciIndex> parse_oci_index(std::string_view bytes);
Result<OciManifest> parse_oci_manifest(std::string_view bytes);
Result<OciConfig> parse_oci_config(std::string_view bytes);

// What a descriptor's media type says that the thing is.
enum class OciKind { kIndex, kManifest, kOther };
OciKind kind_of_media_type(std::string_view media_type);
// Whether a manifest's config is that of an image that can run; the error names the type ("an artifact").
Result<> check_config_media_type(std::string_view media_type);
// Compression of a layer by its media type; encrypted and unknown types are errors.
Result<Compression> compression_of_media_type(std::string_view media_type);
// Whether a descriptor is no image for anybody: an attestation beside images.
bool is_attestation(const OciDescriptor& descriptor);

}  // namespace agena::stage0
