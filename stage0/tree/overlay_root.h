// Roots as overlays: the layers of an image below, a writable directory in the pod above. Knows layers only
// as open directories, bottom to top.
#pragma once

#include <span>
#include <string>

#include "common/base/result.h"
#include "common/sys/copy_entry.h"
#include "common/sys/fd.h"
#include "stage0/tree/mapped_layers.h"

namespace agena::stage0 {

// Whether overlays can be mounted with their writable layer on the file system of this directory.
// kUnsupported says why not. `scratch` is a directory that may be written to; nothing stays in it. Where the
// file system is not known to work, an overlay is made for trial (it is never attached anywhere).
Result<> check_overlay_usable(const sys::DirFd& scratch);

// Makes `upper` and `work` below `pod`. The upper directory gets owner, mode, extended attributes and times
// of this root (a layer's), because the mounted root shows the upper directory's.
Result<> make_upper(const sys::DirFd& root_attributes, const sys::DirFd& pod, const std::string& upper,
                    const std::string& work, const sys::OwnerRule& owner = {});

struct OverlayRoot {
  std::span<const sys::DirFd> layers;  // bottom to top, at least one, at most 500
  const sys::DirFd* upper = nullptr;   // none: read-only
  const sys::DirFd* work = nullptr;
  bool is_volatile = false;          // the root need not survive a power cut
  std::string selinux_context = {};  // of all files; empty: each has its own
};

// The root as a detached mount. kUnsupported (errno 0) where the kernel can only mount it somewhere: then
// mount_overlay_root() or mount_mapped_root() does.
Result<sys::UniqueFd> make_overlay_root(const OverlayRoot& root);
Result<sys::UniqueFd> make_mapped_root(const OverlayRoot& root, const MappedLayers& layers);

// Mounts the root on an open directory, in the mount namespace of the caller.
Result<> mount_overlay_root(const OverlayRoot& root, const sys::DirFd& target);
// The same with layers whose ids are mapped (root.layers is not looked at). The writable layer is a plain
// directory of the mapped owners: an idmapped one would make the overlay read-only.
Result<> mount_mapped_root(const OverlayRoot& root, const MappedLayers& layers, const sys::DirFd& target);

}  // namespace agena::stage0
