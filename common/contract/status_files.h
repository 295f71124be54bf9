// Small text files that stage1 writes and stage0 reads: process ids and exit codes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::contract {

// Writes "N\n" to `ppid`, `pid` or `pgid` of a pod directory by rename.
Result<> write_pid_file(const sys::DirFd& pod, const std::string& name, pid_t pid);
// Reads such a file; nullopt if it is not there.
Result<std::optional<pid_t>> read_pid_file(const sys::DirFd& pod, const std::string& name);

// Records the exit code of an app below a stage1 root (rkt/status/APP), by rename: readers see nothing or all
// of it.
Result<> write_app_status(const sys::DirFd& stage1_root, std::string_view app, int exit_code);
// Exit code of an app; nullopt while there is none. `stage1_root` may be the overlay's upper directory of a
// dead pod.
Result<std::optional<int>> read_app_status(const sys::DirFd& stage1_root, std::string_view app);

// Records how many processes of an app the kernel has killed because memory ran out (rkt/status/APP.oom).
Result<> write_oom_kills(const sys::DirFd& stage1_root, std::string_view app, std::uint64_t kills);
// That number; 0 without such a record.
Result<std::uint64_t> read_oom_kills(const sys::DirFd& stage1_root, std::string_view app);

}  // namespace agena::contract
