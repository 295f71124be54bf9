// Names of pods. DATA/names/NAME is a symlink whose text is the UUID of the pod that has the name; the pod
// directory has the name in its file `pod-name`. A link whose pod is gone, was never finished, or is marked
// for deletion counts for nothing, so a crash at any instant leaves no name taken.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

// Whether a text may be a pod's name: [a-z0-9][a-z0-9_.-]*, at most 64 characters, and not one of the texts
// that `list` shows for UUIDs (8 or more hexadecimal digits and dashes).
Result<> check_pod_name(std::string_view name);

// An error that names the owner if the name is taken.
Result<> check_name_free(const Pods& pods, const std::string& name);
// Gives the name to a pod that is being prepared; the same error if somebody else has it.
Result<> take_pod_name(const Pods& pods, const Pod& pod, const std::string& name);
// Frees the name of a pod that is being deleted, if it has one and it is still its own.
Result<> free_pod_name(const Pods& pods, const Pod& pod);

// The pod that the link of a name leads to; nullopt if there is none. The pod may be gone.
Result<std::optional<Uuid>> look_up_pod_name(const Pods& pods, std::string_view name);
// The name of a pod, empty if it has none.
Result<std::string> read_pod_name(const sys::DirFd& pod);

}  // namespace agena::stage0
