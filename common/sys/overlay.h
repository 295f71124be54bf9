// Overlay mounts from directory descriptors. All are made nodev: device nodes of an image are inert, a pod's
// own are on its /dev.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Kernel limit (fs/overlayfs: OVL_MAX_STACK).
inline constexpr std::size_t kMaxOverlayLayers = 500;

struct OverlaySpec {
  std::vector<const DirFd*> lowers;  // top first; at least one
  const DirFd* upper = nullptr;      // both or neither; neither makes a read-only mount
  const DirFd* work = nullptr;
  // Skips all syncing of the upper layer (Documentation/filesystems/overlayfs.rst, "Volatile mount"): for
  // pods that cannot survive a reboot. An unclean end leaves work/incompat/volatile behind, which refuses the
  // next mount.
  bool volatile_upper = false;
  // SELinux label that all files of the mount show (mount(8): context=); empty: each its own.
  std::string selinux_context = {};
};

// Options of mounts with a writable layer, whatever the host's defaults (parameters of the module): the upper
// directory holds all that was changed, as plain files. Without them it may refer to directories and contents
// of the layers below in attributes of overlayfs's own, which nothing but overlayfs can follow. All kernels
// since 4.19 know both.
inline constexpr std::array<std::pair<const char*, const char*>, 2> kPlainUpper = {
    {{"redirect_dir", "off"}, {"metacopy", "off"}}};

// kInternal if the description is incomplete, kUnsupported if it has too many layers.
Result<> check_overlay_spec(const OverlaySpec& spec);
// Mounts an overlay on an open directory. Layers are handed over as descriptors (kernel 6.13); on older
// kernels by path.
Result<> mount_overlay(const OverlaySpec& spec, const UniqueFd& target);
// The fallback of mount_overlay by itself: mount(2), the layers as paths below /proc/self/fd. Changes the
// working directory for a moment, so the process must have one thread; mounts on `work` for a moment if a
// layer is a detached mount, so the mount namespace must be our own. Public so that it is tested on new
// kernels too.
Result<> mount_overlay_by_path(const OverlaySpec& spec, const UniqueFd& target);
// A detached overlay mount (kernel 6.13); kUnsupported on older kernels.
Result<UniqueFd> make_overlay(const OverlaySpec& spec);

}  // namespace agena::sys
