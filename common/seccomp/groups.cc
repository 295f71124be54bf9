#include "common/seccomp/groups.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "common/base/table.h"

namespace agena::seccomp {
namespace {

// Calls that do no harm to the host, whatever their arguments: docker's profile of today in content. ptrace
// is among them: from kernel 4.8 on it cannot be used to get around a filter, and this engine needs a newer
// one.
constexpr std::string_view kAlwaysAllowed = R"(
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr file_getattr file_setattr flistxattr flock fork
fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue
futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents
getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid
getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid
getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init
inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup
io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
lchown lchown32 lgetxattr link linkat listen listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr
lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat lstat64 madvise map_shadow_stack membarrier memfd_create
memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify
mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget
msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2
pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace
pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg
remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid
setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid
setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr
setxattrat shmat shmctl shmdt shmget shutdown sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask
sigreturn sigsuspend socketcall socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync
sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uprobe uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
)"
#if defined(__x86_64__)
                                            "arch_prctl modify_ldt"
#elif defined(__aarch64__)
                                            "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush "
                                            "set_tls "
                                            "sync_file_range2"
#endif
    ;

struct Unlocked {
  int capability;
  std::string_view calls;
};
// What a capability is good for.
constexpr std::array kUnlocked = {
    Unlocked{CAP_DAC_READ_SEARCH, "open_by_handle_at"},
    Unlocked{
        CAP_SYS_ADMIN,
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount "
        "mount_setattr move_mount open_tree open_tree_attr perf_event_open pivot_root quotactl quotactl_fd "
        "setdomainname sethostname setns statmount swapoff swapon syslog umount umount2 unshare"},
    Unlocked{CAP_SYS_BOOT, "kexec_file_load kexec_load reboot"},
    Unlocked{CAP_SYS_CHROOT, "chroot"},
    Unlocked{CAP_SYS_MODULE, "delete_module finit_module init_module"},
    Unlocked{CAP_SYS_PACCT, "acct"},
    Unlocked{CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise"},
    Unlocked{CAP_SYS_RAWIO, "ioperm iopl"},
    Unlocked{CAP_SYS_TIME, "clock_settime clock_settime64 settimeofday stime"},
    Unlocked{CAP_SYS_TTY_CONFIG, "vhangup"},
    Unlocked{CAP_SYS_NICE, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    Unlocked{CAP_SYSLOG, "syslog"},
    Unlocked{CAP_BPF, "bpf"},
    Unlocked{CAP_PERFMON, "perf_event_open"},
};

// CLONE_NEWTIME is not among the flags that clone(2) takes.
constexpr std::uint32_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

struct Conditional {
  std::string_view name;
  Condition condition;
};
constexpr Condition is(std::uint32_t value) { return {.value = value}; }
constexpr Condition is_not(std::uint32_t value) { return {.value = value, .negated = true}; }
// Calls whose first argument decides.
const std::array kConditional = {
    Conditional{"clone", {.mask = kNamespaceFlags, .value = 0}},
    // Execution domains that programs of other architectures ask for; the others switch off address space
    // randomisation and the like.
    Conditional{"personality", is(PER_LINUX)},
    Conditional{"personality", is(PER_LINUX32)},
    Conditional{"personality", is(UNAME26)},
    Conditional{"personality", is(static_cast<std::uint32_t>(PER_LINUX32) | UNAME26)},
    Conditional{"personality", is(UINT32_MAX)},  // a question
    // Reaches the hypervisor and other VMs past every network namespace.
    Conditional{"socket", is_not(AF_VSOCK)},
};

constexpr std::array kGroups = {
    Group{"@appc.io/all", GroupKind::kAll},
    Group{"@appc.io/empty", GroupKind::kEmpty},
    // What docker's manual lists as blocked, and the calls for the same ends that came later.
    Group{.name = "@docker/default-blacklist", .members = R"(
      acct add_key bpf clock_adjtime clock_settime clock_settime64 create_module delete_module finit_module fsconfig
      fsmount fsopen fspick get_kernel_syms get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup
      ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind mount mount_setattr move_mount move_pages
      nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open personality pivot_root process_vm_readv
      process_vm_writev ptrace query_module quotactl quotactl_fd reboot request_key set_mempolicy setns settimeofday
      stime swapoff swapon sysfs _sysctl umount umount2 unshare uselib userfaultfd ustat vm86 vm86old)"},
    Group{"@docker/default-whitelist", GroupKind::kDefault},
    Group{.name = "@rkt/default-blacklist", .members = "@docker/default-blacklist"},
    Group{"@rkt/default-whitelist", GroupKind::kDefault},
    Group{.name = "@systemd/clock", .members = R"(
      adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime)"},
    // What any program needs to be started and to end.
    Group{.name = "@systemd/default-whitelist", .members = R"(
      arch_prctl brk cacheflush clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
      clock_nanosleep_time64 execve exit exit_group futex futex_time64 futex_waitv get_robust_list get_thread_area
      getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getrandom
      getresgid getresgid32 getresuid getresuid32 getrlimit getsid gettid gettimeofday getuid getuid32 membarrier mmap
      mmap2 mprotect munmap nanosleep pause prlimit64 restart_syscall rseq rt_sigreturn sched_getaffinity sched_yield
      set_robust_list set_thread_area set_tid_address set_tls sigreturn time ugetrlimit)"},
    Group{.name = "@systemd/mount", .members = R"(
      chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr pivot_root umount
      umount2)"},
    Group{.name = "@systemd/network-io", .members = R"(
      accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
      recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair)"},
    Group{.name = "@systemd/obsolete", .members = R"(
      _sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle lock mpx prof profil
      putpmsg query_module security sgetmask ssetmask stime stty sysfs tuxcall ulimit uselib ustat vserver)"},
    Group{.name = "@systemd/privileged", .members = R"(
      @systemd/clock @systemd/raw-io acct bpf capset chown chown32 chroot delete_module fanotify_init fchown fchown32
      fchownat finit_module init_module kexec_file_load kexec_load lchown lchown32 nfsservctl open_by_handle_at
      pivot_root quotactl quotactl_fd reboot setdomainname setfsuid setfsuid32 setgroups setgroups32 sethostname
      setresuid setresuid32 setreuid setreuid32 setuid setuid32 swapoff swapon vhangup _sysctl)"},
    Group{.name = "@systemd/process", .members = R"(
      arch_prctl capget clone clone3 execve execveat fork getrusage kill pidfd_open pidfd_send_signal prctl
      rt_sigqueueinfo rt_tgsigqueueinfo setns swapcontext tgkill times tkill unshare vfork wait4 waitid waitpid)"},
    Group{.name = "@systemd/raw-io", .members = R"(
      ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write s390_pci_mmio_read s390_pci_mmio_write)"},
};
static_assert(sorted_by_name(kGroups));

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \n";
  std::vector<std::string_view> words;
  for (std::size_t at = text.find_first_not_of(kSpace); at != std::string_view::npos;
       at = text.find_first_not_of(kSpace, at)) {
    const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

void append_allowed(std::vector<Rule>& rules, std::string_view calls) {
  for (const std::string_view name : words_of(calls)) rules.push_back({std::string(name), allow()});
}

}  // namespace

const Group* find_group(std::string_view name) { return find_by_name(kGroups, name); }

std::vector<std::string_view> group_names() {
  std::vector<std::string_view> names;
  for (const Group& group : kGroups) names.push_back(group.name);
  return names;
}

std::vector<std::string_view> calls_of(const Group& group) {
  std::vector<std::string_view> calls;
  for (const std::string_view member : words_of(group.members)) {
    if (!member.starts_with('@')) {
      calls.push_back(member);
      continue;
    }
    for (const std::string_view call : calls_of(*find_group(member))) calls.push_back(call);
  }
  return calls;
}

std::vector<Rule> default_rules(std::uint64_t capabilities) {
  std::vector<Rule> rules;
  append_allowed(rules, kAlwaysAllowed);
  // Before the conditions: the first rule that applies counts.
  for (const Unlocked& row : kUnlocked)
    if ((capabilities >> static_cast<unsigned>(row.capability) & 1U) != 0) append_allowed(rules, row.calls);
  for (const Conditional& row : kConditional)
    rules.push_back({std::string(row.name), allow(), {row.condition}});
  // Its flags are behind a pointer, which a filter cannot follow; libc then takes clone.
  rules.push_back({"clone3", answer(ENOSYS)});
  return rules;
}

std::vector<std::string> beyond_default(const std::vector<std::string>& names) {
  std::set<std::string_view> allowed;
  const std::vector<Rule> rules = default_rules(UINT64_MAX);
  for (const Rule& rule : rules) allowed.insert(rule.name);
  std::vector<std::string> beyond;
  for (const std::string& name : names) {
    const Group* group = find_group(name);
    const auto calls = group == nullptr ? std::vector<std::string_view>{name} : calls_of(*group);
    const bool given = std::ranges::all_of(calls, [&](auto call) { return allowed.contains(call); });
    if (!given || (group != nullptr && group->kind == GroupKind::kAll)) beyond.push_back(name);
  }
  return beyond;
}

}  // namespace agena::seccomp
