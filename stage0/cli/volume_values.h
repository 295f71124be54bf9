// Values of the flags about file systems and kernel settings, as typed values.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// "64m", "1g", "4096": bytes with docker's suffixes b, k, m and g, powers of 1024 ("ki", "mib" and the like
// mean the same).
Result<std::uint64_t> parse_size(std::string_view text);
// "PATH[:OPTION,…]".
Result<schema::TmpfsMount> parse_tmpfs(std::string_view text);
// "HOSTPATH[:PATH][:rwm]".
Result<DeviceRequest> parse_device(std::string_view text);
// A volume of an app together with where it is mounted.
struct MountedVolume {
  VolumeRequest volume;
  MountRequest mount;
};
// rkt's "name=NAME,kind=KIND,source=ABS,target=PATH,readOnly=BOOL" with whatever else a volume has; without a
// name it gets one that follows from the target.
Result<MountedVolume> parse_mounted_volume(std::string_view text);
// "NAME=VALUE"; a setting that no pod can have is an error.
Result<> add_sysctl(schema::Sysctls& sysctls, std::string_view text);

}  // namespace agena::stage0
