// Isolator flags of an app (`--memory`, `--cpu`, `--caps-*`, `--seccomp`, …) applied to the isolators of its
// image, by rkt's rules.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/isolator.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// memory and cpu are appended (the last isolator of a kind counts); cpu-shares and oom-score-adj replace the
// image's; either capability flag replaces both capability isolators of the image, both together are an
// error; seccomp replaces both seccomp isolators. Errors name the flag.
Result<> apply_isolator_flags(const IsolatorFlags& flags, std::vector<schema::Isolator>& isolators);

// Isolators resource/memory and resource/cpu of a quantity as the user typed it, request and limit alike;
// less than the kernel can do is an error.
Result<schema::Isolator> memory_isolator(const std::string& text);
Result<schema::Isolator> cpu_isolator(const std::string& text);

}  // namespace agena::stage0
