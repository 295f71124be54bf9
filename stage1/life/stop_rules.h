// How the apps of a pod are stopped: by which signal, and how long they may take.
#pragma once

#include "common/base/time.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The signal that asks an app to end.
int stop_signal_of(const PodApp& app);
// How long a pod that was asked to end may take before it is killed: as long as the slowest of its apps may,
// its handler behind it, and a little more.
Nanoseconds stop_patience(const Pod& pod);

}  // namespace agena::stage1
