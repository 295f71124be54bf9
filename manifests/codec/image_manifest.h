// Image manifests as JSON text: read, check, write.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "manifests/codec/text_style.h"
#include "manifests/schema/image_manifest.h"

namespace agena::codec {

// Reads an image manifest by the rules of appc 0.8.11. The error names every fault with its JSON pointer:
// "image manifest: /app/user: …; /labels/2/name: …".
Result<schema::ImageManifest> parse_image_manifest(std::string_view text);

// The manifest as JSON in the member order of the specification. Fails on strings that are not UTF-8.
Result<std::string> write_image_manifest(const schema::ImageManifest& manifest,
                                         TextStyle style = TextStyle::kCompact);

// Checks a manifest that was made in memory: it can be written and read back as the same value.
Result<> validate_image_manifest(const schema::ImageManifest& manifest);

// Whether the image's labels name a platform that pods can run: `os` and `arch` are there and known (rkt's
// messages). No comparison with this host.
Result<> check_platform(const schema::Labels& labels);

}  // namespace agena::codec
