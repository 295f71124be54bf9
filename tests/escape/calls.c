// Attempts by system calls: what a process asks of the kernel itself.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "escape.h"

static int try_mount(void) { return verdict(mount("none", "/tmp", "tmpfs", 0, NULL)); }
static int try_remount(void) { return verdict(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int try_bind(void) { return verdict(mount("/", "/tmp", NULL, MS_BIND | MS_REC, NULL)); }
static int try_umount(void) { return verdict(umount2("/proc/sys", MNT_DETACH)); }
static int try_fsopen(void) { return verdict(syscall(SYS_fsopen, "tmpfs", 0)); }
static int try_open_tree(void) {
  return verdict(syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
}

static int try_release_agent(void) {
  return verdict(mount("cgroup", "/tmp", "cgroup", 0, "none,name=agena-escape"));
}

static int try_pivot(void) {
  mkdir("/tmp/pivot", 0755);
  return verdict_unless_rights(syscall(SYS_pivot_root, "/tmp/pivot", "/tmp/pivot"));
}

// Other ways into the kernel, with numbers of their own. Texts of a static program have addresses of 32 bits.
static int try_mount_i386(void) {
#ifdef __x86_64__
  static char type[] = "tmpfs", target[] = "/tmp";
  int result;
  __asm__ volatile("push %%rbx; mov %2, %%ebx; int $0x80; pop %%rbx"
                   : "=a"(result)
                   : "a"(21), "r"((unsigned)(uintptr_t)type), "c"((unsigned)(uintptr_t)target),
                     "d"((unsigned)(uintptr_t)type), "S"(0), "D"(0)
                   : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? -result : THROUGH;
#else
  return NOTHING_TO_TRY;
#endif
}

static int try_mount_x32(void) {
#ifdef __x86_64__
  return verdict(syscall(0x40000000 | SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
#else
  return NOTHING_TO_TRY;
#endif
}

// A working directory outside of a second root leads up, past the first one if that was a chroot only.
static int try_double_chroot(void) {
  struct stat before, after;
  if (stat("/", &before) != 0) return errno;
  mkdir("/tmp/jail", 0755);
  if (chdir("/") != 0 || chroot("/tmp/jail") != 0) return errno;
  for (int i = 0; i < 64; ++i)
    if (chdir("..") != 0) return errno;
  if (stat(".", &after) != 0) return errno;
  if (before.st_ino == after.st_ino && before.st_dev == after.st_dev) return EXDEV;
  tell("another root");
  return THROUGH;
}

static int try_unshare_user(void) { return verdict(unshare(CLONE_NEWUSER)); }
static int try_unshare_mount(void) { return verdict(unshare(CLONE_NEWNS)); }

static int try_clone_user(void) {
  const long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) _exit(0);
  return verdict(child);
}

static int try_clone3_user(void) {
  struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  const long child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(0);
  return verdict(child);
}

static int try_setns(void) {
  static const char* const kKinds[] = {"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"};
  int refusal = NOTHING_TO_TRY;
  for (size_t i = 0; i < sizeof kKinds / sizeof *kKinds; ++i) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/1/ns/%s", kKinds[i]);
    const int fd = open(path, O_RDONLY);
    if (fd >= 0 && setns(fd, 0) == 0) {
      tell("joined %s", path);
      return THROUGH;
    }
    refusal = errno;
  }
  return refusal;
}

static int try_ioperm(void) { return verdict(syscall(SYS_ioperm, 0x80, 1, 1)); }
static int try_iopl(void) { return verdict(syscall(SYS_iopl, 3)); }
static int try_init_module(void) { return verdict_unless_rights(syscall(SYS_init_module, NULL, 0, "")); }
static int try_finit_module(void) { return verdict_unless_rights(syscall(SYS_finit_module, -1, "", 0)); }
static int try_kexec(void) { return verdict_unless_rights(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL)); }
// The magic numbers are right, the command is none.
static int try_reboot(void) {
  return verdict_unless_rights(syscall(SYS_reboot, 0xfee1dead, 672274793, 0xdead, NULL));
}
static int try_swapon(void) { return verdict_unless_rights(syscall(SYS_swapon, "/nonexistent", 0)); }
static int try_acct(void) { return verdict_unless_rights(syscall(SYS_acct, "/nonexistent/file")); }
static int try_quotactl(void) {
  return verdict_unless_rights(quotactl(QCMD(Q_QUOTAOFF, USRQUOTA), "/nonexistent", 0, NULL));
}
static int try_settimeofday(void) { return verdict(syscall(SYS_settimeofday, NULL, NULL)); }

static int try_clock_settime(void) {
  struct timespec bad = {.tv_sec = -1, .tv_nsec = -1};
  return verdict_unless_rights(syscall(SYS_clock_settime, CLOCK_REALTIME, &bad));
}

static int try_adjtimex(void) {
  struct timex unchanged = {0};
  if (adjtimex(&unchanged) < 0) return errno;
  unchanged.modes = ADJ_TICK;
  return verdict(adjtimex(&unchanged));
}

static int try_sethostname(void) {
  struct utsname name;
  if (uname(&name) != 0) return errno;
  return verdict(sethostname(name.nodename, strlen(name.nodename)));
}

static int try_bpf(void) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  return verdict(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

static int try_perf(void) {
  struct perf_event_attr attr = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};
  return verdict(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static int try_userfaultfd(void) { return verdict(syscall(SYS_userfaultfd, O_CLOEXEC)); }

static int try_io_uring(void) {
  char parameters[256] = {0};  // struct io_uring_params
  return verdict(syscall(SYS_io_uring_setup, 1, parameters));
}

static int try_session_keyring(void) {
  const long ring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  if (ring >= 0) tell("keyring %ld", ring);
  return verdict(ring);
}

static int try_add_key(void) {
  const long key = syscall(SYS_add_key, "user", "agena-escape", "x", 1, KEY_SPEC_USER_KEYRING);
  if (key >= 0) (void)syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
  return verdict(key);
}

static int try_personality(void) { return verdict(syscall(SYS_personality, ADDR_NO_RANDOMIZE)); }
static int try_vsock(void) { return verdict(socket(AF_VSOCK, SOCK_STREAM, 0)); }
// The high half of the argument is nothing to the kernel.
static int try_vsock_high(void) {
  return verdict(syscall(SYS_socket, 0x100000000L | AF_VSOCK, SOCK_STREAM, 0));
}

static int try_syslog(void) {
  char text[16];
  return verdict(syscall(SYS_syslog, 3 /* read all */, text, sizeof text));
}

// Asks the kernel for a network interface.
static int try_netlink_link(void) {
  struct {
    struct nlmsghdr head;
    struct ifinfomsg link;
    struct nlattr info;
    struct nlattr kind;
    char name[8];
  } request = {.head = {.nlmsg_len = sizeof request,
                        .nlmsg_type = RTM_NEWLINK,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK},
               .info = {.nla_len = sizeof(struct nlattr) * 2 + 8, .nla_type = IFLA_LINKINFO},
               .kind = {.nla_len = sizeof(struct nlattr) + 6, .nla_type = IFLA_INFO_KIND},
               .name = "dummy"};
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0 || send(fd, &request, sizeof request, 0) < 0) return errno;
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
    char rest[512];
  } answer;
  if (recv(fd, &answer, sizeof answer, 0) < 0) return errno;
  if (answer.head.nlmsg_type != NLMSG_ERROR || answer.error.error == 0) return THROUGH;
  return -answer.error.error;
}

static int try_netlink_audit(void) {
  struct nlmsghdr request = {
      .nlmsg_len = sizeof request, .nlmsg_type = AUDIT_LIST_RULES, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
  if (fd < 0 || send(fd, &request, sizeof request, 0) < 0) return errno;
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
    char rest[512];
  } answer;
  if (recv(fd, &answer, sizeof answer, 0) < 0) return errno;
  if (answer.head.nlmsg_type != NLMSG_ERROR || answer.error.error == 0) return THROUGH;
  return -answer.error.error;
}

static int try_nice(void) { return verdict(setpriority(PRIO_PROCESS, 0, -20)); }

static int try_realtime(void) {
  const int priority = 99;
  return verdict(syscall(SYS_sched_setscheduler, 0, 1 /* SCHED_FIFO */, &priority));
}

static int try_hard_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return errno;
  if (limit.rlim_max == RLIM_INFINITY) return NOTHING_TO_TRY;
  limit.rlim_max += 4096;
  return verdict(setrlimit(RLIMIT_MEMLOCK, &limit));
}

// Puts a line into the input of the controlling terminal, for whoever reads there next.
static int try_tiocsti(void) {
  const int fd = open("/dev/tty", O_RDWR);
  if (fd < 0) return errno;
  long result = 0;
  for (const char* c = "escaped\n"; *c != 0 && result >= 0; ++c) result = ioctl(fd, TIOCSTI, c);
  return verdict(result);
}

const struct Attempt kCallAttempts[] = {
    {"mount", "mount a file system (mount)", try_mount},
    {"mount-i386", "the same through the i386 entry (int 0x80)", try_mount_i386},
    {"mount-x32", "the same through the x32 entry", try_mount_x32},
    {"mount-remount", "make /proc/sys writable (mount, remount)", try_remount},
    {"mount-bind", "mount the root anew (mount, bind)", try_bind},
    {"mount-umount", "uncover what is mounted over (umount)", try_umount},
    {"mount-fsopen", "mount a file system (fsopen)", try_fsopen},
    {"mount-open-tree", "copy a mount (open_tree)", try_open_tree},
    {"release-agent", "mount a cgroup v1 hierarchy, for its release_agent", try_release_agent},
    {"pivot-root", "pivot_root", try_pivot},
    {"chroot-twice", "leave the root by a second chroot", try_double_chroot},
    {"user-namespace", "a user namespace of its own (unshare)", try_unshare_user},
    {"user-namespace-clone", "the same by clone", try_clone_user},
    {"user-namespace-clone3", "the same by clone3", try_clone3_user},
    {"mount-namespace", "a mount namespace of its own (unshare)", try_unshare_mount},
    {"setns", "join the namespaces of PID 1", try_setns},
    {"ioperm", "input and output ports (ioperm)", try_ioperm},
    {"iopl", "input and output ports (iopl)", try_iopl},
    {"init-module", "load a kernel module (init_module)", try_init_module},
    {"finit-module", "load a kernel module (finit_module)", try_finit_module},
    {"kexec", "load another kernel (kexec_load)", try_kexec},
    {"reboot", "reboot", try_reboot},
    {"swapon", "swapon", try_swapon},
    {"acct", "process accounting (acct)", try_acct},
    {"quotactl", "switch quotas (quotactl)", try_quotactl},
    {"settimeofday", "set the clock (settimeofday)", try_settimeofday},
    {"clock-settime", "set the clock (clock_settime)", try_clock_settime},
    {"adjtimex", "bend the clock (adjtimex)", try_adjtimex},
    {"sethostname", "sethostname", try_sethostname},
    {"bpf", "bpf", try_bpf},
    {"perf", "watch a whole processor (perf_event_open)", try_perf},
    {"userfaultfd", "userfaultfd", try_userfaultfd},
    {"io-uring", "io_uring", try_io_uring},
    {"keyring-session", "find the session keyring", try_session_keyring},
    {"keyring-user", "put a key into the user's keyring", try_add_key},
    {"personality", "switch off address space randomisation (personality)", try_personality},
    {"vsock", "reach the hypervisor (AF_VSOCK)", try_vsock},
    {"vsock-high-bits", "the same with bits above 32 set", try_vsock_high},
    {"syslog", "read the kernel's log (syslog)", try_syslog},
    {"netlink-link", "make a network interface (netlink)", try_netlink_link},
    {"netlink-audit", "list audit rules (netlink)", try_netlink_audit},
    {"nice", "go before all others (setpriority -20)", try_nice},
    {"realtime", "go before all others (SCHED_FIFO)", try_realtime},
    {"hard-limit", "raise a hard limit", try_hard_limit},
    {"tiocsti", "type into the terminal (TIOCSTI)", try_tiocsti},
    {0},
};
