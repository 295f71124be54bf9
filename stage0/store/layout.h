// Names below the data directory that belong to the store, relative to DATA/cas (DATA itself where it says
// so). store.h opens with the tree.
#pragma once

namespace agena::stage0::layout {

inline constexpr const char* kCas = "cas";                        // in DATA
inline constexpr const char* kLocks = "locks";                    // in DATA
inline constexpr const char* kPrepareLock = "locks/prepareLock";  // in DATA

inline constexpr const char* kBlobs = "blobs/sha256";
inline constexpr const char* kLayers = "layers";
inline constexpr const char* kImages = "images";
inline constexpr const char* kPartial = "partial";
inline constexpr const char* kRemotes = "remotes";
inline constexpr const char* kStaging = "staging";
inline constexpr const char* kTrash = "trash";
inline constexpr const char* kIndex = "index.db";
inline constexpr const char* kIndexLock = "index.lock";

// Inside of a layer's directory.
inline constexpr const char* kLayerFs = "fs";
inline constexpr const char* kLayerMeta = "meta";
inline constexpr const char* kLayerRecord = "record";
inline constexpr const char* kLayerArchive = "archive";
// Inside of a staging directory: layer keys that its owner counts on, one a line.
inline constexpr const char* kClaims = "claims";
// Likewise: where damaged things that lie in it as "0", "1"… belong, relative to cas, one a line.
inline constexpr const char* kAside = "aside";

}  // namespace agena::stage0::layout
