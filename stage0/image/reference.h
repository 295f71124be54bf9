// What a user may write for an image, taken apart. Syntax only: nothing is opened, except that a regular file
// of that name tells a path from a name (rkt's rule). Spellings of rkt, and of skopeo and podman for local
// sources.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"

namespace agena::stage0 {

enum class ReferenceKind {
  kImageId,        // sha512-PREFIX: the store only
  kAciFile,        // a path, or file:///…aci
  kOciLayout,      // oci:PATH[:TAG|@DIGEST], a directory or a tar of one (oci-archive: is the same)
  kDockerArchive,  // docker-archive:PATH[:NAME[:TAG]|:@INDEX]
  kName,           // an appc name with version and labels, or any other name in the store
  kRegistry,       // docker://[HOST[:PORT]/]NAME[:TAG][@DIGEST], oci:// alike
  kUrl,            // http://… or https://… of an ACI
};

struct Reference {
  ReferenceKind kind = ReferenceKind::kName;
  std::string text = {};  // as the user wrote it

  // kAciFile, kOciLayout, kDockerArchive: path as written (relative to the working directory, or absolute).
  std::string path = {};
  // kOciLayout: the tag; kDockerArchive: the normalised name ("docker.io/library/busybox:latest"). Empty: the
  // only image in there. kRegistry: the tag; empty if there is a digest, which wins over a tag.
  std::string tag = {};
  std::optional<Digest> digest = {};        // kOciLayout, kRegistry
  std::optional<std::uint32_t> index = {};  // kDockerArchive: n-th image of the archive, from 0

  // kRegistry: "docker.io" or "localhost:5000", and "library/busybox".
  std::string domain = {};
  std::string repository = {};

  // kName: appc name, version (empty: none given) and labels in the order given.
  std::string name = {};
  std::string version = {};
  std::vector<std::pair<std::string, std::string>> labels = {};

  // Whether it names a local file or directory.
  bool is_local() const;
  // What the image is called in the store: the full docker name for kRegistry, a URL without its query (which
  // may hold a secret; a hash stands for it), else the text.
  std::string store_name() const;
  bool operator==(const Reference&) const = default;
};

// An image argument as messages show it: printable, without credentials and without the query of a URL (which
// may be a token).
std::string shown_reference(std::string_view text);

// Takes an image argument apart. kInvalidInput says what is wrong. is_file tells whether a path is an
// existing regular file (default: stat).
Result<Reference> parse_reference(std::string_view text,
                                  const std::function<bool(const std::string&)>& is_file = {});

}  // namespace agena::stage0
