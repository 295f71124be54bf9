// Landlock (landlock(7)): a process and all that it executes in a domain of its own. Used for two edges of
// domains that no namespace has; the files that a domain can reach stay as they are.
#pragma once

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// From here on the calling process and its children can trace, and look into (/proc/PID/root, fd, mem, …),
// only each other. Within the domain no file systems can be mounted. `root` is the "/" of the process. False,
// and nothing done, on a kernel without Landlock (before 5.19, or switched off). Needs CAP_SYS_ADMIN or
// no-new-privileges.
Result<bool> enter_process_domain(DirRef root);

// From here on the calling process and its children can connect to abstract Unix sockets of each other only.
// False on a kernel that cannot do that (before 6.12). Needs as above.
Result<bool> enter_socket_domain();

}  // namespace agena::sys
