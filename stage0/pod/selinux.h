// SELinux labels of a pod: what its processes run as, and what its files look like. One type for all pods,
// kept apart by a pair of categories (MCS) that no other pod has.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// Both empty where SELinux is off.
struct SelinuxLabels {
  std::string process;  // RKT_SELINUX_CONTEXT
  std::string mount;    // RKT_SELINUX_MOUNT_CONTEXT
  bool operator==(const SelinuxLabels&) const = default;
};

// What the policy says of containers: lines `process = "CONTEXT"` and `file = "CONTEXT"` of lxc_contexts;
// other keys and comments are skipped. An error if one of the two is missing or is no context
// (user:role:type:level).
Result<SelinuxLabels> parse_lxc_contexts(std::string_view text);
// A context with another level.
std::string with_level(std::string_view context, std::string_view level);
// Level of a context, without the sensitivity: the categories, or empty.
std::string categories_of(std::string_view context);
// Two of the 1024 categories as "c1,c2", the lower first, which are not among those taken. kBusy if that
// cannot be found in reasonable time.
Result<std::string> choose_categories(const std::set<std::string>& taken);

// The labels that a pod was given; both empty if none.
Result<SelinuxLabels> read_labels(const sys::DirFd& pod);

// Gives the pod labels of its own and records them in its directory (file `selinux`); nothing happens and
// both are empty where the host has SELinux off. `host` is the root of the host, `data` the data directory,
// `pod` a pod directory in `pods/run`.
Result<SelinuxLabels> label_pod(sys::DirRef host, const sys::DirFd& data, const sys::DirFd& pod);

}  // namespace agena::stage0
