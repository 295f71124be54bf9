// Volumes as mounts, alike in both flavours: from what goes where in an app (app_plan.h) to mount operations.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/stage2/app_plan.h"
#include "common/sys/fd.h"
#include "common/sys/mount_plan.h"

namespace agena::stage2 {

// The mounts of an app's volumes, in the order given; sources of empty volumes are relative to the pod
// directory. `recursive` is the default of host volumes that do not say.
sys::MountPlan volume_mounts(const std::vector<AppMount>& mounts, bool recursive);

// The mounts of an app's tmpfs, in the order given.
sys::MountPlan tmpfs_mounts(const schema::App& app);

// Makes the directories of the empty volumes among them, in the pod directory; those that are there stay as
// they are. `app_root` is where the content of those that begin with the image's comes from: nothing may be
// mounted in it yet.
Result<> make_empty_volumes(const sys::DirFd& pod_dir, const sys::DirFd& app_root,
                            const std::vector<AppMount>& mounts);

// One sentence for each volume that nobody asked for and that begins empty.
std::vector<std::string> implicit_volume_warnings(const std::vector<AppMount>& mounts);

}  // namespace agena::stage2
