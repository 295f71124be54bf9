"""Which errors a system call can return, of those that a machine in trouble gives: a full disk, a bad one, no memory, no
descriptors, a signal, no permission. From the ERRORS sections of the manual pages (section 2)."""

import errno

_GROUPS = {
    # What makes a descriptor.
    "EMFILE": "open openat openat2 socket socketpair pipe pipe2 epoll_create1 eventfd2 timerfd_create signalfd4 memfd_create dup dup3 "
              "accept4 pidfd_open fsopen fsmount open_tree inotify_init1",
    # What writes to a file system or uses up a limited number of something of the kernel.
    "ENOSPC": "write pwrite64 openat openat2 mkdir mkdirat symlinkat linkat rename renameat renameat2 mknodat fallocate ftruncate fsync "
              "fdatasync fsetxattr setxattr lsetxattr copy_file_range inotify_add_watch epoll_ctl unshare clone clone3 mount move_mount",
    "EIO": "read pread64 write pwrite64 fsync fdatasync syncfs ftruncate getdents64 close fchmod fchown fchmodat fchownat readlinkat "
           "copy_file_range sendfile execve renameat2 unlinkat",
    "ENOMEM": "mmap mprotect munmap mremap openat openat2 mkdirat unlinkat renameat2 symlinkat linkat readlinkat newfstatat statx chdir "
              "fchmodat fchownat socket epoll_create1 epoll_ctl poll ppoll eventfd2 timerfd_create inotify_init1 inotify_add_watch pidfd_open "
              "signalfd4 memfd_create clone clone3 fork vfork execve unshare setns mount umount2 fsopen fsconfig fsmount open_tree move_mount "
              "pivot_root chroot seccomp sendmsg recvmsg sendto sethostname",
    # What may wait.
    "EINTR": "read write openat openat2 close connect accept4 recvmsg recvfrom sendmsg sendto poll ppoll epoll_wait epoll_pwait wait4 waitid "
             "flock fsync ftruncate fallocate clock_nanosleep nanosleep getrandom dup3",
    "EACCES": "openat openat2 mkdirat unlinkat renameat2 linkat symlinkat newfstatat statx readlinkat execve chdir chroot fchmodat fchownat "
              "utimensat bind connect mount fspick fsconfig fsmount open_tree move_mount mknodat inotify_add_watch",
}
ERRORS = {}
for _name, _calls in _GROUPS.items():
    for _call in _calls.split():
        ERRORS.setdefault(_call, []).append(getattr(errno, _name))
NAMES = tuple(_GROUPS)
