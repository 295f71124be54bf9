// What somebody may have meant who named a pod or an app that does not exist. For failures only.
#pragma once

#include <string>
#include <string_view>

#include "stage0/pod/pod.h"

namespace agena::stage0 {

// A hint at a pod of a similar name, or at the pod whose app has this name; otherwise at the list of pods.
std::string hint_at_pods(const Pods& pods, std::string_view text);

}  // namespace agena::stage0
