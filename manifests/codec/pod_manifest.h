// Pod manifests as JSON text: read, check, write.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "manifests/codec/text_style.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::codec {

// Reads a pod manifest by the rules of appc 0.8.11. The error names every fault with its JSON pointer:
// "pod manifest: /apps/0/app/isolators/1/value/limit: …; /volumes/0/source: …".
Result<schema::PodManifest> parse_pod_manifest(std::string_view text);

// The manifest as JSON in the member order of the specification. Fails on strings that are not UTF-8.
Result<std::string> write_pod_manifest(const schema::PodManifest& manifest,
                                       TextStyle style = TextStyle::kCompact);

// Checks a manifest that was made in memory: it can be written and read back as the same value.
Result<> validate_pod_manifest(const schema::PodManifest& manifest);

// Whether every mount of every app finds its volume ("dangling mount point" otherwise). Separate from
// parsing, because a manifest that is still being put together may be read too.
Result<> validate_pod_references(const schema::PodManifest& manifest);

}  // namespace agena::codec
