// Attempts by files: devices, the kernel's own file systems, handles of files elsewhere.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "escape.h"

static int try_open(const char* path, int flags) {
  const int fd = open(path, flags | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno == ENOENT ? NOTHING_TO_TRY : errno;
  tell("%s", path);
  return THROUGH;
}

// Makes a device node in each place where the program may write, and opens it.
static int try_node(mode_t type, unsigned major_number, unsigned minor_number) {
  static const char* const kPlaces[] = {"/dev", "/dev/shm", "/tmp", "/run", "/"};
  int refusal = NOTHING_TO_TRY;
  for (size_t i = 0; i < sizeof kPlaces / sizeof *kPlaces; ++i) {
    char path[64];
    (void)snprintf(path, sizeof path, "%s/escape-node", kPlaces[i]);
    (void)unlink(path);
    if (mknod(path, type | 0600, makedev(major_number, minor_number)) != 0) {
      refusal = errno;
      continue;
    }
    const int fd = open(path, O_RDONLY | O_NONBLOCK);
    const int error = errno;
    (void)unlink(path);
    if (fd >= 0) {
      close(fd);
      tell("opened %u:%u made in %s", major_number, minor_number, kPlaces[i]);
      return THROUGH;
    }
    // A device that is not there is none that could be reached.
    if (error != ENXIO && error != ENODEV && error != ENOMEDIUM) refusal = error;
  }
  return refusal;
}

// Calls back with every disk of the machine.
static int for_each_disk(int (*attempt)(const char* name, unsigned major_number, unsigned minor_number)) {
  FILE* list = fopen("/proc/partitions", "re");
  if (list == NULL) return NOTHING_TO_TRY;
  int worst = NOTHING_TO_TRY;
  char line[256], name[64];
  unsigned major_number, minor_number;
  while (fgets(line, sizeof line, list) != NULL) {
    if (sscanf(line, " %u %u %*u %63s", &major_number, &minor_number, name) != 3) continue;
    const int result = attempt(name, major_number, minor_number);
    if (result == THROUGH) return THROUGH;
    if (result > 0) worst = result;
  }
  return worst;
}

static int node_of_disk(const char* name, unsigned major_number, unsigned minor_number) {
  (void)name;
  return try_node(S_IFBLK, major_number, minor_number);
}
static int try_disk_nodes(void) { return for_each_disk(node_of_disk); }

static int open_disk(const char* name, unsigned major_number, unsigned minor_number) {
  (void)major_number;
  (void)minor_number;
  char path[80];
  (void)snprintf(path, sizeof path, "/dev/%s", name);
  return try_open(path, O_RDONLY);
}
static int try_disks(void) { return for_each_disk(open_disk); }

static int try_mem_node(void) { return try_node(S_IFCHR, 1, 1); }
static int try_kmsg_node(void) { return try_node(S_IFCHR, 1, 11); }
static int try_console_node(void) { return try_node(S_IFCHR, 4, 0); }
static int try_fuse_node(void) { return try_node(S_IFCHR, 10, 229); }

static int try_mem(void) { return try_open("/dev/mem", O_RDONLY); }
static int try_kmsg(void) { return try_open("/dev/kmsg", O_RDWR); }
static int try_sysrq(void) { return try_open("/proc/sysrq-trigger", O_WRONLY); }
static int try_core_pattern(void) { return try_open("/proc/sys/kernel/core_pattern", O_WRONLY); }
static int try_modprobe(void) { return try_open("/proc/sys/kernel/modprobe", O_WRONLY); }
static int try_uevent_helper(void) { return try_open("/sys/kernel/uevent_helper", O_WRONLY); }
static int try_oom_score(void) {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  return fd < 0 ? errno : verdict(write(fd, "-1000", 5));
}
static int try_cgroup_procs(void) { return try_open("/sys/fs/cgroup/cgroup.procs", O_WRONLY); }

static int try_kcore(void) {
  char bytes[64];
  const int fd = open("/proc/kcore", O_RDONLY);
  if (fd < 0) return errno == ENOENT ? NOTHING_TO_TRY : errno;
  const ssize_t n = read(fd, bytes, sizeof bytes);
  if (n < 0) return errno;
  return n == 0 ? ENODATA : THROUGH;
}

// Names of keys, symbols' addresses, timers: read something from any of them.
static int try_told_by_proc(void) {
  static const char* const kFiles[] = {"/proc/keys", "/proc/timer_list", "/proc/config.gz",
                                       "/proc/sched_debug"};
  int refusal = NOTHING_TO_TRY;
  for (size_t i = 0; i < sizeof kFiles / sizeof *kFiles; ++i) {
    char byte;
    const int fd = open(kFiles[i], O_RDONLY);
    if (fd >= 0 && read(fd, &byte, 1) == 1) {
      tell("%s", kFiles[i]);
      return THROUGH;
    }
    if (fd >= 0)
      refusal = ENODATA;
    else if (errno != ENOENT)
      refusal = errno;
  }
  return refusal;
}

// Opens every regular file below a directory for writing that somebody may write to; stops at the first that
// lets itself be opened.
static int open_all(const char* directory, int depth, int* refusal) {
  DIR* dir = opendir(directory);
  if (dir == NULL) return 1;
  for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    char path[1024];
    struct stat st;
    if (entry->d_name[0] == '.') continue;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) >= sizeof path) continue;
    // Processes have files of their own.
    if (strcmp(directory, "/proc") == 0 &&
        (strspn(entry->d_name, "0123456789") > 0 || strcmp(entry->d_name, "self") == 0 ||
         strcmp(entry->d_name, "thread-self") == 0))
      continue;
    if (lstat(path, &st) != 0) continue;
    if (S_ISDIR(st.st_mode) && depth > 0 && open_all(path, depth - 1, refusal) == THROUGH) {
      closedir(dir);
      return THROUGH;
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0222) == 0) continue;
    const int fd = open(path, O_WRONLY | O_NONBLOCK);
    if (fd < 0) {
      *refusal = errno;
      continue;
    }
    tell("%s", path);
    closedir(dir);
    return THROUGH;
  }
  closedir(dir);
  return 1;
}

static int try_all_below(const char* directory, int depth) {
  int refusal = NOTHING_TO_TRY;
  return open_all(directory, depth, &refusal) == THROUGH ? THROUGH : refusal;
}
enum { kProcDepth = 6, kSysDepth = 5 };
static int try_proc(void) { return try_all_below("/proc", kProcDepth); }
static int try_sys(void) { return try_all_below("/sys", kSysDepth); }

// The root of a file system has a well-known number; with a handle made of it, any file of the file system
// that a volume is on could be opened.
static int try_handle(void) {
  static const char* const kDoors[] = {"/volume", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/"};
  int refusal = NOTHING_TO_TRY;
  for (size_t i = 0; i < sizeof kDoors / sizeof *kDoors; ++i) {
    const int door = open(kDoors[i], O_RDONLY);
    if (door < 0) continue;
    struct {
      struct file_handle head;
      unsigned words[4];
    } handle = {.head = {.handle_bytes = 8, .handle_type = 1}, .words = {2, 0}};
    const int fd = open_by_handle_at(door, &handle.head, O_RDONLY);
    if (fd >= 0) {
      tell("by %s", kDoors[i]);
      return THROUGH;
    }
    // The right is there, the handle was stale.
    if (errno == ESTALE || errno == EINVAL) {
      tell("the right is there");
      return THROUGH;
    }
    refusal = errno;
  }
  return refusal;
}

// The descriptors of a fresh program: 0 to 2, and what opendir made.
static int try_descriptors(void) {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == NULL) return errno;
  int found = 0;
  for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    const int fd = atoi(entry->d_name);
    char path[64], target[256];
    if (entry->d_name[0] == '.' || fd <= 2 || fd == dirfd(dir)) continue;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(path, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = 0;
    // The pipe of this attempt.
    if (strncmp(target, "pipe:", 5) == 0 && found == 0 && ++found == 1) continue;
    tell("%d is %s", fd, target);
    return THROUGH;
  }
  return EBADF;
}

const struct Attempt kFileAttempts[] = {
    {"disk-nodes", "make a node of a disk and open it (mknod)", try_disk_nodes},
    {"disks", "open disks in /dev", try_disks},
    {"mem-node", "make /dev/mem and open it", try_mem_node},
    {"mem", "open /dev/mem", try_mem},
    {"kmsg-node", "make /dev/kmsg and open it", try_kmsg_node},
    {"kmsg", "open /dev/kmsg", try_kmsg},
    {"console-node", "make /dev/tty0 and open it", try_console_node},
    {"fuse-node", "make /dev/fuse and open it", try_fuse_node},
    {"sysrq", "write to /proc/sysrq-trigger", try_sysrq},
    {"core-pattern", "write to /proc/sys/kernel/core_pattern", try_core_pattern},
    {"modprobe", "write to /proc/sys/kernel/modprobe", try_modprobe},
    {"uevent-helper", "write to /sys/kernel/uevent_helper", try_uevent_helper},
    {"oom-score", "be the last to die when memory runs out (oom_score_adj)", try_oom_score},
    {"cgroup-procs", "move processes between cgroups", try_cgroup_procs},
    {"kcore", "read the kernel's memory (/proc/kcore)", try_kcore},
    {"proc-tells", "read keys, timers, configuration of the kernel in /proc", try_told_by_proc},
    {"proc-write", "open any file of /proc for writing", try_proc},
    {"sys-write", "open any file of /sys for writing", try_sys},
    {"file-handle", "open the host's root by a file handle (open_by_handle_at)", try_handle},
    {"descriptors", "use a descriptor that the launcher left open", try_descriptors},
    {0},
};
