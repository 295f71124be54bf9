// What a person wants to know of a pod first: is all well, and if not, what is wrong. For terminals; what
// programs read is in pod_text.h and json.h.
#pragma once

#include <string>
#include <vector>

#include "common/base/time.h"
#include "stage0/cli/output/table.h"
#include "stage0/cli/output/terminal.h"
#include "stage0/pod/pod_info.h"

namespace agena::stage0 {

struct Glance {
  std::string text;  // "running", "failed (3)", "unhealthy"
  Tone tone = Tone::kPlain;
};

// Of one app; or of the pod, where it has no apps (nullptr).
Glance glance_of(const PodInfo& pod, const AppInfo* app);

// The table of `list`, ordered by time of creation: with names of pods, and states as glances. `legend` as in
// PodTableOptions.
Table pods_screen_table(std::vector<PodInfo> pods, bool legend, Nanoseconds now);

// One line on how the pod is, and one for each app with which something is wrong; for `status`.
std::string status_headline(const PodInfo& pod, const Screen& screen);

}  // namespace agena::stage0
