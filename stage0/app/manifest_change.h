// A change of a pod's manifest and of what belongs to its apps on disk: from the lock, over clearing what an
// interrupted change has left, to the commit. Internal to stage0/app.
#pragma once

#include <span>
#include <string>

#include "common/base/result.h"
#include "common/sys/lock.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/app/app_pod.h"
#include "stage0/store/layer_key.h"

namespace agena::stage0 {

// While it lives, nobody else changes the pod's apps.
struct ManifestChange {
  sys::FileLock lock;
  schema::PodManifest manifest;  // as it is committed

  // Takes the lock; the pod is then as its manifest says. kBusy if the pod's time has passed.
  static Result<ManifestChange> begin(AppPod& pod);
};

// Whether an app that is not in the manifest has left something in the pod directory.
Result<bool> has_remains(const AppPod& pod, const std::string& app);
// Removes all that belongs to an app that is not in the manifest: inside the pod, if that runs, and in the
// pod directory. What fails can be done again.
Result<> clear_app(AppPod& pod, const std::string& app);
// Removes volumes that no app of the manifest has, and writes which layers those of the manifest need.
Result<> settle(const AppPod& pod, const schema::PodManifest& manifest);

// The layers of stage1 and of the apps of a manifest, sorted, each once; none for copied roots.
Result<std::vector<LayerKey>> layers_of(const AppPod& pod, const schema::PodManifest& manifest);

// Writes the manifest as it will be, for stage1 to read.
Result<> write_candidate(const AppPod& pod, const schema::PodManifest& manifest);
// Makes the candidate the manifest.
Result<> commit_candidate(const AppPod& pod);
// Makes the candidate the manifest, for now: keep() makes it so for good, undo() puts the old one back, and
// so does whoever changes the pod next.
Result<> commit_on_trial(const AppPod& pod);
Result<> keep_trial(const AppPod& pod);
// Puts the old manifest back, if there is a trial, and drops the candidate.
Result<> undo_candidate(const AppPod& pod);

// Tells the metadata service what the pod is now, if the pod is registered. The change is done by then: what
// fails is a warning.
void tell_metadata_service(AppPod& pod);

}  // namespace agena::stage0
