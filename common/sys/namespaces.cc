#include "common/sys/namespaces.h"

#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace agena::sys {

Result<> unshare_namespaces(int flags) {
  if (::unshare(flags) != 0) return sys_fail("creating namespaces");
  return {};
}

Result<> enter_private_mount_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) return sys_fail("creating a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return sys_fail("detaching the mount namespace from the host's");
  return {};
}

namespace {

// linux/nsfs.h, which Debian 12 has without it.
struct MountNamespaceInfo {
  std::uint32_t size;
  std::uint32_t mounts;
  std::uint64_t number;
};
constexpr unsigned long kGetMountNamespaceInfo = _IOR(0xb7, 10, MountNamespaceInfo);

// Of the calling process's mount namespace; 0 from kernels that do not tell (before 6.12), which number all
// in one row.
Result<std::uint64_t> mount_namespace_number(const DirFd& proc) {
  const UniqueFd fd = TRY(open_at(proc, "self/ns/mnt", O_RDONLY));
  MountNamespaceInfo info{.size = sizeof info, .mounts = 0, .number = 0};
  return ::ioctl(fd.get(), kGetMountNamespaceInfo, &info) == 0 ? info.number : 0;
}

}  // namespace

Result<> unshare_mounts_to_keep(const DirFd& proc) {
  const std::uint64_t left = TRY(mount_namespace_number(proc));
  TRY(unshare_namespaces(CLONE_NEWNS));
  if (TRY(mount_namespace_number(proc)) >= left) return {};
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return sys_fail("asking for the CPUs");
  std::uint64_t number = 0;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE && number < left; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) continue;
    TRY(unshare_namespaces(CLONE_NEWNS));
    number = TRY(mount_namespace_number(proc));
  }
  if (::sched_setaffinity(0, sizeof allowed, &allowed) != 0) return sys_fail("going back to all CPUs");
  if (number < left)
    return fail(ErrorKind::kUnsupported, "no CPU gives a mount namespace that can be kept in this one");
  return {};
}

Result<> join_namespaces(const PidFd& process, int kinds) {
  if (::setns(process.get(), kinds) != 0) return sys_fail("joining the namespaces of the pod");
  return {};
}

Result<> join_mount_namespace(const UniqueFd& mount_namespace) {
  if (::setns(mount_namespace.get(), CLONE_NEWNS) != 0) return sys_fail("joining a mount namespace");
  return {};
}

Result<> switch_root(const DirFd& new_root) {
  const UniqueFd old_root = TRY(open_at(at_cwd(), "/", O_PATH | O_DIRECTORY));
  if (::fchdir(new_root.get()) != 0) return sys_fail("entering the new root");
  // pivot_root(2): with "." as both arguments the old root ends up stacked on the new one, and is detached
  // from there; no directory for it is needed inside.
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return sys_fail("switching to the new root");
  if (::fchdir(old_root.get()) != 0) return sys_fail("entering the old root");
  // Otherwise detaching it would unmount on the host what lies below a shared mount.
  if (::mount(nullptr, ".", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return sys_fail("setting the old root apart");
  if (::umount2(".", MNT_DETACH) != 0) return sys_fail("detaching the old root");
  if (::chdir("/") != 0) return sys_fail("entering the new root");
  return {};
}

Result<> bring_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return sys_fail("opening a socket to set up the loopback interface");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return sys_fail("bringing up the loopback interface");
  return {};
}

Result<> set_hostname(const std::string& name) {
  if (::sethostname(name.c_str(), name.size()) != 0) return sys_fail("setting the hostname '{}'", name);
  return {};
}

Result<> join_new_session_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS)
    return sys_fail("making a session keyring");
  return {};
}

}  // namespace agena::sys
