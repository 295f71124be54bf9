// Namespaces: leaving the shared ones, and joining those of another process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/pidfd.h"

namespace agena::sys {

// Gives this process a mount namespace of its own in which nothing propagates back to the host, while the
// host's later mounts still arrive (slave). Must come before the first mount, so that a SIGKILL at any
// instant leaves no mount on the host.
Result<> enter_private_mount_namespace();
// unshare(2) with CLONE_NEW* flags.
Result<> unshare_namespaces(int flags);
// A new mount namespace for the calling process that can be mounted in the one that it leaves. The kernel
// refuses that for one with a lower number (so that there are no loops), and Linux 6.18 and later number
// namespaces for each CPU apart; another CPU is tried then. `proc` is a proc file system that shows this
// process.
Result<> unshare_mounts_to_keep(const DirFd& proc);
// Joins namespaces of a process by its pidfd, all given kinds at once (setns(2), kernel 5.8).
Result<> join_namespaces(const PidFd& process, int kinds);
// Joins a mount namespace by a descriptor of it; its root becomes root and working directory.
Result<> join_mount_namespace(const UniqueFd& mount_namespace);
// Makes a directory the root of the calling process's mount namespace and drops the old root; the working
// directory becomes "/". The directory must be a mount point.
Result<> switch_root(const DirFd& new_root);
// Brings the loopback interface of the current network namespace up.
Result<> bring_loopback_up();
// sethostname(2) in the current UTS namespace.
Result<> set_hostname(const std::string& name);

// A new, empty session keyring for the calling process and its children (keyctl(2)); none where the kernel
// has no keys.
Result<> join_new_session_keyring();

}  // namespace agena::sys
