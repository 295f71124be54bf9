// Apps of a running mutable pod: adding, starting, stopping, removing and changing them. A library for any
// program and any number of threads: nothing is printed, and nothing of the process is changed; every call
// ends within the time that its request gives.
//
// Killed at any instant, an operation leaves the pod's manifest as it was or as it shall be, and what else is
// left of it is cleared by the next one that changes the pod.
#pragma once

#include "common/base/result.h"
#include "stage0/app/app_request.h"
#include "stage0/pod/engine.h"

namespace agena::stage0 {

// Adds an app, which does not run yet. kAlreadyExists if the pod has one of that name.
Result<AppOutcome> add_app(const Engine& engine, const AddAppRequest& request);
// Starts an app, again if it has ended; returns when its program was executed. One that runs is left alone.
Result<AppOutcome> start_app(const Engine& engine, const StartAppRequest& request);
// Returns when the app has ended. One that does not run is left alone, as are the apps of an ended pod.
Result<AppOutcome> stop_app(const Engine& engine, const StopAppRequest& request);
// Stops the app and removes it with all that it has written to its root. Also from a pod that has ended.
// kNotFound if the pod has no such app.
Result<AppOutcome> remove_app(const Engine& engine, const RemoveAppRequest& request);
// Changes the limits of an app, while it runs or not.
Result<AppOutcome> update_app(const Engine& engine, const UpdateAppRequest& request);

}  // namespace agena::stage0
