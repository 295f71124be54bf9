#include "common/sys/user_namespace.h"

#include <grp.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sys/caps.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/pidfd.h"
#include "common/sys/spawn.h"

namespace agena::sys {

namespace {

Result<> write_maps(pid_t process, const IdRange& ids, const std::string& map) {
  for (const char* name : {"uid_map", "gid_map"}) {
    const UniqueFd file = TRY(open_at(at_cwd(), fmt::format("/proc/{}/{}", process, name), O_WRONLY));
    TRY_CTX(write_all(file.get(), map), "mapping the ids {} of a user namespace", ids.str());
  }
  return {};
}

// Lives until the parent closes its end of the pipe, or dies. Async-signal-safe calls only.
[[noreturn]] void wait_for_parent(const Pipe& pipe) {
  (void)::close(pipe.write.get());
  char byte = 0;
  (void)!::read(pipe.read.get(), &byte, 1);
  ::_exit(0);
}

Result<Child> start_in_user_namespace(const Pipe& pipe) {
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_CLEAR_SIGHAND | static_cast<unsigned>(CLONE_PIDFD) | CLONE_NEWUSER;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) wait_for_parent(pipe);
  if (pid > 0) return Child(static_cast<pid_t>(pid), PidFd(pidfd));
  auto error = sys_fail("creating a user namespace");
  if (errno == ENOSPC || errno == EUSERS || errno == EPERM)
    return std::unexpected(
        std::move(error.error())
            .with_hint("the host allows no (more) user namespaces: sysctl user.max_user_namespaces"));
  return error;
}

}  // namespace

namespace {

Result<UniqueFd> make_mapped(const IdRange& ids, const std::string& map) {
  const Pipe pipe = TRY(make_pipe());
  // Dropping the child at the end kills and reaps it; the descriptor keeps the namespace.
  const Child child = TRY(start_in_user_namespace(pipe));
  TRY(write_maps(child.pid(), ids, map));
  return open_at(at_cwd(), fmt::format("/proc/{}/ns/user", child.pid()), O_RDONLY);
}

std::string forward_map(const IdRange& ids) { return fmt::format("0 {} {}\n", ids.first, ids.count); }

}  // namespace

Result<> write_id_maps(pid_t process, const IdRange& ids) {
  return write_maps(process, ids, forward_map(ids));
}

Result<UniqueFd> make_user_namespace(const IdRange& ids) { return make_mapped(ids, forward_map(ids)); }

Result<UniqueFd> make_reverse_user_namespace(const IdRange& ids) {
  return make_mapped(ids, fmt::format("{} 0 {}\n", ids.first, ids.count));
}

Result<> become_root() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    return sys_fail("becoming root of the user namespace");
  return {};
}

Result<> map_mount_ids(const UniqueFd& mount, const UniqueFd& user_namespace, bool recursive) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(user_namespace.get());
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  if (::syscall(SYS_mount_setattr, mount.get(), "", flags, &attributes, sizeof attributes) == 0) return {};
  auto error = sys_fail("mapping the ids of a mount");
  if (error.error().sys_errno() != EINVAL && error.error().sys_errno() != EPERM) return error;
  return std::unexpected(
      Error(ErrorKind::kUnsupported, error.error().message(), error.error().sys_errno())
          .with_hint("the file system must support idmapped mounts: ext4, xfs, btrfs, f2fs, or (since Linux "
                     "6.3) tmpfs; with overlays Linux 5.19 is needed"));
}

Result<UniqueFd> clone_idmapped(DirRef dir, const std::string& path, const UniqueFd& user_namespace) {
  UniqueFd mount = TRY(clone_mount(dir, path, /*recursive=*/false));
  TRY(map_mount_ids(mount, user_namespace));
  return mount;
}

namespace {

constexpr uid_t kUnchanged = static_cast<uid_t>(-1);

}  // namespace

// The calls return the old id, and change nothing for one that cannot be (setfsuid(2), BUGS).
FileOwner::Ids FileOwner::now() {
  return {.uid = static_cast<uid_t>(::setfsuid(kUnchanged)),
          .gid = static_cast<gid_t>(::setfsgid(kUnchanged))};
}

Result<> FileOwner::change(const Ids& ids) {
  // Leaving user 0 takes the capabilities about files out of the effective set, coming back raises them.
  const ThreadCapabilities before = TRY(thread_capabilities());
  (void)::setfsgid(ids.gid);
  (void)::setfsuid(ids.uid);
  if (now().uid != ids.uid || now().gid != ids.gid)
    return fail(ErrorKind::kPermission, "cannot make files as user {}", ids.uid);
  return set_thread_capabilities(before);
}

Result<FileOwner> FileOwner::become(const Ids& ids) {
  FileOwner owner(now());
  if (owner.before_.uid == ids.uid && owner.before_.gid == ids.gid)
    owner.active_ = false;
  else
    TRY(change(ids));
  return owner;
}

Result<FileOwner> FileOwner::become(const IdRange& ids) { return become(Ids{ids.first, ids.first}); }

Result<FileOwner> FileOwner::become_self() { return become(Ids{::geteuid(), ::getegid()}); }

FileOwner::~FileOwner() {
  // Cannot fail with CAP_SETUID and CAP_SETGID.
  if (active_) (void)change(before_);
}

}  // namespace agena::sys
