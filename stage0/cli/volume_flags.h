// The flags about file systems of apps and kernel settings of the pod, as tables. For the command table and
// for pod_request.cc.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/pod_flags.h"
#include "stage0/cli/volume_values.h"

namespace agena::stage0 {

inline constexpr auto kFileSystemFlags = std::to_array<AppFlagRow>({
    {{.name = "device",
      .value_name = "HOSTPATH[:PATH][:rwm]",
      .arity = OptionArity::kValue,
      .help = "give a device of the host to the app, or a directory of devices; rwm: read, write, make nodes",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) -> Result<> {
       DeviceRequest device = TRY(parse_device(value));
       std::erase_if(app.file_systems.devices,
                     [&](const DeviceRequest& other) { return other.target == device.target; });
       app.file_systems.devices.push_back(std::move(device));
       return {};
     }},
    {{.name = "tmpfs",
      .value_name = "PATH[:OPTION,…]",
      .arity = OptionArity::kValue,
      .help = "mount a file system in memory into the app; options: size=, mode=, uid=, gid=, exec, suid",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) -> Result<> {
       schema::TmpfsMount mount = TRY(parse_tmpfs(value));
       std::erase_if(app.file_systems.tmpfs,
                     [&](const schema::TmpfsMount& other) { return other.path == mount.path; });
       app.file_systems.tmpfs.push_back(std::move(mount));
       return {};
     }},
});
inline constexpr auto kFileSystemOptions = options_of(kFileSystemFlags);

inline constexpr auto kKernelFlags = std::to_array<PodFlagRow>({
    {{.name = "shm-size",
      .value_name = "SIZE",
      .initial = "64m",
      .arity = OptionArity::kValue,
      .help = "size of /dev/shm, which the apps of a pod share; with suffix k, m or g"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.kernel.shm_size = TRY(parse_size(value));
       return {};
     }},
    {{.name = "sysctl",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "kernel setting of the pod: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_sysctl(flags.prepare.kernel.sysctls, value); }},
});
inline constexpr auto kKernelOptions = options_of(kKernelFlags);

}  // namespace agena::stage0
