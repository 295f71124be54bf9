// Small readings of a pod directory that several operations share.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// Where stage0 finds what stage1 writes below its root: the overlay's upper directory (complete also when
// nothing is mounted), or the copied root.
Result<std::string> status_root_path(const sys::DirFd& pod);
Result<sys::DirFd> open_status_root(const sys::DirFd& pod);

// Whether rkt/supervisor-status says that the apps may be managed.
Result<bool> is_supervisor_ready(const sys::DirFd& pod);

}  // namespace agena::stage0
