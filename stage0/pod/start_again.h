// Making an ended pod startable again: what its last life left behind goes, what its apps have written stays;
// and how the apps of a mutable pod ended, since nobody starts them with the pod.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

// For an exited pod, locked by the caller and still in `run`. Killed at any instant, it leaves an exited pod
// for which this can be done again.
Result<> clear_last_life(const Engine& engine, const Pod& pod);

// The flags that a pod was last started with ("NAME=VALUE" each), so that `start` can use them again. Reading
// gives none where none were kept; writing none removes the file.
Result<std::vector<std::string>> read_launch_flags(const sys::DirFd& pod);
Result<> keep_launch_flags(const sys::DirFd& pod, const std::vector<std::string>& flags);

}  // namespace agena::stage0
