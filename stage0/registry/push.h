// Images out to a registry: blobs that it does not have, then the manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/registry/registry.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

struct PushBlob {
  Digest digest;
  std::uint64_t size = 0;
  // Opens the blob for one reading; called again if the upload has to be begun anew.
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
  // Another repository of the same registry that may have the blob; empty: none is known.
  std::string mount_from = {};
};

enum class PushedBlob {
  kPresent,  // the repository had it
  kMounted,  // it was taken from the other repository
  kUploaded,
};

// Whether the repository has a blob, or can take it from another repository of the registry (empty: none is
// known), without anything being sent.
Result<bool> find_or_mount_blob(RegistryClient& registry, const Digest& digest,
                                const std::string& mount_from);

// Sees to it that the repository has the blob: in one piece, if it must be sent. `progress` is called with
// the bytes sent so far.
Result<PushedBlob> push_blob(RegistryClient& registry, const PushBlob& blob,
                             const std::function<void(std::uint64_t)>& progress = {});

// Puts a manifest or index under a tag or its digest. kVerification if the registry takes it for other bytes.
Result<> push_manifest(RegistryClient& registry, const std::string& tag_or_digest,
                       const std::string& media_type, const std::string& bytes);

}  // namespace agena::stage0
