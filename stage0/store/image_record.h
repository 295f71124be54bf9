// ImageRecord: what the store knows of one image, whatever format it came in. The JSON form of it,
// cas/images/<id>, is the truth on disk; the index is made of these files. Knows nothing of files and
// sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "manifests/schema/image_manifest.h"
#include "stage0/store/layer_key.h"

namespace agena::stage0 {

// Where an image came from; decides what arguments on the command line do.
enum class ImageFormat { kAci, kOci, kDocker };
// "aci", "oci", "docker".
std::string_view to_string(ImageFormat format);

// A layer as an image uses it.
struct LayerUse {
  LayerKey key;
  // Bytes of file content in the unpacked layer.
  std::uint64_t size = 0;
  bool operator==(const LayerUse&) const = default;
};

// A name that the image was fetched by ("docker.io/library/busybox:latest", "oci:/srv/debian:bookworm"), and
// when it last got it: the newest holder of a name wins.
struct ImageName {
  std::string name;
  Nanoseconds time = 0;
  bool operator==(const ImageName&) const = default;
};

// Settings of OCI and docker images that an appc manifest has no place for, or loses.
struct OciFacts {
  // Of the exact bytes in cas/blobs. docker-archives have no manifest, only a config.
  std::optional<Digest> manifest_digest = {};
  std::optional<Digest> config_digest = {};
  // Kept apart because arguments replace cmd and keep entrypoint; app.exec of the manifest has both.
  std::vector<std::string> entrypoint = {};
  std::vector<std::string> cmd = {};
  // As the config spells it ("SIGTERM", "RTMIN+3", "15"); empty: the default.
  std::string stop_signal = {};
  bool operator==(const OciFacts&) const = default;
};

// Who vouches for an image. It counts for as long as they are trusted.
struct ImageTrust {
  // Fingerprints of the keys that it was signed with, and that were trusted for its name; sorted.
  std::vector<std::string> signers = {};
  bool installed = false;  // it lay in a directory of the installation

  bool empty() const { return signers.empty() && !installed; }
  // Adds what more is known; whether there was any.
  bool add(const ImageTrust& more);
  bool operator==(const ImageTrust&) const = default;
};

inline constexpr std::size_t kMaxOrigins = 8;

struct ImageRecord {
  // "sha512-" and 64 hex digits: the first half of the SHA-512 of the uncompressed tar (ACI), of the
  // manifest's bytes (OCI), or of config and diffIDs (docker-archive).
  std::string id = {};
  ImageFormat format = ImageFormat::kAci;
  // The image's own appc manifest, or one derived from the OCI config; its name and labels are the image's.
  schema::ImageManifest manifest;
  // Only for kOci and kDocker.
  std::optional<OciFacts> oci = {};
  std::vector<ImageName> names = {};
  // The root, bottom to top. May be empty: an image without files.
  std::vector<LayerUse> layers = {};
  // Layers kept beside the root's: an ACI's own files, where the root is rendered from them and dependencies.
  std::vector<LayerUse> sources = {};
  // Where it was imported from, as a reference that can be fetched again ("oci:/srv/debian:bookworm", the
  // absolute path of an ACI), the latest first; at most kMaxOrigins. Unknown for images of older programs.
  std::vector<std::string> origins = {};
  ImageTrust trust = {};
  // OCI chain ID of the root ("sha256:…"), see root_chain_id().
  std::string chain_id = {};
  // Length of the file that an ACI came in; 0 for other formats.
  std::uint64_t source_size = 0;
  Nanoseconds import_time = 0;
  // Modification time of the record's file; not in the JSON.
  Nanoseconds last_used = 0;

  // Bytes of file content of all layers; a layer shared with other images counts in each.
  std::uint64_t size() const;
  // Whether arguments given to the app take the place of oci->cmd (docker's rule) instead of following exec
  // (rkt's rule for ACIs).
  bool arguments_replace_cmd() const { return oci.has_value(); }
  bool operator==(const ImageRecord&) const = default;
};

// Whether the text is a full image id in the store's form.
bool is_image_id(std::string_view text);
// The image id that a SHA-512 gives: "sha512-" and the first 64 of its hex digits.
std::string image_id_of(const Digest& sha512);

// The record's file content: two JSON documents, a line each: the record ("version": 1, keys in a fixed
// order), and the manifest. Apart, so that neither has to be read twice.
Result<std::string> image_record_to_json(const ImageRecord& record);
// Reads a record; last_used stays 0. A newer version, unknown members or an id that is not one are errors.
Result<ImageRecord> image_record_from_json(std::string_view bytes);

}  // namespace agena::stage0
