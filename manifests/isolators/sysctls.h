// Kernel settings that a pod may have of its own (--sysctl): those that belong to a namespace. Every other
// setting would be the host's.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::isolators {

// Namespaces that a pod has of its own.
struct OwnNamespaces {
  bool ipc = true;
  bool network = true;
};

// Path of a setting below /proc/sys: "net.ipv4.ip_forward" becomes "net/ipv4/ip_forward". Names with slashes
// are taken as paths, for interfaces with a dot in their names (sysctl(8)). A name that leads elsewhere is an
// error.
Result<std::string> sysctl_path(std::string_view name);

// Whether the pod may have this setting; the error says why not.
Result<> check_sysctl(std::string_view name, const OwnNamespaces& own);

}  // namespace agena::isolators
