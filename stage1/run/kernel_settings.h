// Kernel settings of the pod's own namespaces (isolators agena/sysctls and agena/shm-size).
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The host name among the settings, if there is one.
std::optional<std::string> hostname_setting(const schema::PodManifest& manifest);

// Whether the pod's namespaces are its own where a setting or a size needs that; the error names the setting.
Result<> check_kernel_settings(const Pod& pod);

// Writes the settings into the /proc of the pod's root, which must be mounted and writable. In the pod's
// namespaces.
Result<> write_sysctls(const sys::DirFd& root, const Pod& pod);

// Bytes that fit into the pod's /dev/shm.
std::uint64_t shm_size(const Pod& pod);

}  // namespace agena::stage1
