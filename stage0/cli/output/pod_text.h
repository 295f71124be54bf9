// Pods and their apps as text: the tables of `list` and `app list`, the lines of `status` and `app status`.
#pragma once

#include <string>
#include <vector>

#include "common/base/time.h"
#include "stage0/cli/output/table.h"
#include "stage0/pod/pod_info.h"
#include "stage0/pod/status.h"

namespace agena::stage0 {

struct PodTableOptions {
  bool legend = true;
  bool full = false;    // whole UUIDs, image ids, absolute times
  Nanoseconds now = 0;  // what humanised times are relative to
};

// A row for each app; pods without apps have one row with dashes.
Table pods_table(const std::vector<PodInfo>& pods, const PodTableOptions& options);

// The key=value lines of `status`.
std::string status_lines(const PodStatus& status);

// The table of `app list`.
Table apps_table(const std::vector<AppInfo>& apps, bool legend);

// The key=value lines of `app status`: rkt's, then those of what rkt's apps do not have.
std::string app_status_lines(const AppInfo& app);

// "NAME:ip4=ADDRESS, …".
std::string networks_text(const std::vector<NetInfo>& networks);

}  // namespace agena::stage0
