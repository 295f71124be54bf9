// Unpacks one layer: bytes of a blob in, a directory in overlayfs's form out (whiteouts are character devices
// 0:0, opaque directories carry trusted.overlay.opaque=y). Everything about the blob is verified on the way;
// nothing is read twice. Knows nothing about the store: the caller gives an empty private directory, makes it
// durable and gives it its name, or removes it after an error.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

enum class ArchiveKind {
  // Layer of an OCI or docker image (image-spec layer.md): whiteouts, diffID by sha256, of two entries with
  // one
  // name the last wins (with a warning).
  kLayer,
  // appc image (aci.md): `manifest` and `rootfs/…`; `rootfs/` is stripped. No whiteouts, ID by sha512, two
  // entries with one name are an error.
  kAci,
};

// Looks a path (relative, normalised, no symlink in its directories) up in what the layers below show,
// whiteouts considered, and returns an O_PATH | O_NOFOLLOW descriptor of it, or nullopt if there is none. It
// may block until those layers are unpacked. Called from the thread that called unpack_layer: for each hard
// link whose target is not in the layer, each implied directory, and, at the end, each directory that holds
// whiteouts. parent_layers.h makes one.
using ParentLookup = std::function<Result<std::optional<sys::UniqueFd>>(const std::string& path)>;

struct UnpackOptions {
  ArchiveKind kind = ArchiveKind::kLayer;
  // What the media type says; nullopt sniffs (docker archives and ACIs only).
  std::optional<Compression> compression;
  DecompressionLimits limits;
  std::uint64_t max_entries = 5'000'000;

  // What is known about the blob before; a difference is a kVerification error. The blob's hash algorithm is
  // blob_digest's, sha256 without one.
  std::optional<Digest> blob_digest;
  std::optional<std::uint64_t> blob_size;
  std::optional<Digest> diff_id;

  // For hard links to, and directories only implied by, what lies in layers below. Empty for a lowest layer.
  ParentLookup lookup_parent;

  // Where the tree record goes (an empty file, open for writing), or -1. See tree_record.h.
  int record_fd = -1;
  // Where the archive's skeleton goes (an empty file, open for writing), or -1. See archive_skeleton.h.
  int skeleton_fd = -1;
  // A second thread that reads, hashes and inflates while this one hashes and writes.
  bool pipelined = true;
  // Starts writing big files back while unpacking goes on, so that the caller's syncfs finds less to do.
  bool early_writeback = true;
};

struct UnpackResult {
  Digest blob_digest;
  std::uint64_t blob_size = 0;
  // Of the decompressed archive: the OCI diffID (sha256), or the appc image ID in full length (sha512).
  Digest diff_id;
  std::uint64_t archive_size = 0;  // decompressed bytes
  Compression compression = Compression::kNone;
  std::uint64_t entries = 0;     // members of the archive that took effect
  std::uint64_t file_bytes = 0;  // sum of the sizes of regular files
  // Of the bytes written to record_fd; the store keeps it in the layer's metadata.
  std::optional<Digest> record_digest;
  // Likewise of the archive's skeleton, if it was written and is complete.
  std::optional<Digest> skeleton_digest;
  // The tree holds something taken from the layers below (a file that a hard link names, attributes of an
  // implied directory) or lacks whiteouts that have nothing to hide there: it is valid only on top of these,
  // so its key must be the chain ID. (The chain ID of a lowest layer is its diffID: the store must remember
  // this flag and not take such a layer for a place above others.)
  bool needs_chain_key = false;
  // Directories that the archive implies without an entry. Where lookup_parent was given and found nothing
  // special they are 0755 root:root. Before the layer is put over *other* layers (shared by diffID), these
  // paths must be missing or plain 0755 root:root directories there as well; otherwise unpack again.
  std::vector<std::string> implied_directories;
  // `/.wh..wh..opq`: nothing below this layer shows. overlayfs does not look at this xattr of a root, so the
  // mounter must leave the lower layers out.
  bool root_opaque = false;
  // Attributes of the root directory are given by the archive (otherwise 0755 root:root).
  bool root_entry = false;
  // The `manifest` member of an ACI, at most 4 MiB; empty for layers.
  std::string aci_manifest;
  // Oddities that were accepted; at most 50, then a closing line that says how many more.
  std::vector<std::string> warnings;
};

// Reads the blob to its end (from another thread if pipelined) and unpacks it into `target`, an empty
// directory of which nobody else knows. Errors name the entry and leave a partial tree. Needs root's
// capabilities (chown, mknod, trusted.* xattrs).
Result<UnpackResult> unpack_layer(ByteSource& blob, sys::DirRef target, const UnpackOptions& options);

}  // namespace agena::stage0
