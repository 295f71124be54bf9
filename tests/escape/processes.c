// Attempts on other processes: PID 1 of the pod, other apps, the host's processes, and the sockets they
// listen on.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

static int trace(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) return errno;
  (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
  tell("process %d", pid);
  return THROUGH;
}

static int open_of(pid_t pid, const char* what, int flags) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
  const int fd = open(path, flags | O_NONBLOCK);
  if (fd < 0) return errno;
  tell("%s", path);
  return THROUGH;
}

// Whether PID 1 is this program: in a container without an init of its own.
static bool is_init(void) {
  char own[256], init[256];
  const ssize_t own_length = readlink("/proc/self/exe", own, sizeof own);
  const ssize_t init_length = readlink("/proc/1/exe", init, sizeof init);
  return own_length > 0 && own_length == init_length && memcmp(own, init, (size_t)own_length) == 0;
}

static int open_of_init(const char* what, int flags) {
  return is_init() ? NOTHING_TO_TRY : open_of(1, what, flags);
}

static int try_trace_init(void) { return is_init() ? NOTHING_TO_TRY : trace(1); }
static int try_init_root(void) { return open_of_init("root/", O_RDONLY | O_DIRECTORY); }
static int try_init_cwd(void) { return open_of_init("cwd/", O_RDONLY | O_DIRECTORY); }
static int try_init_memory(void) { return open_of_init("mem", O_RDWR); }

static int try_init_descriptors(void) {
  int refusal = NOTHING_TO_TRY;
  for (int fd = 0; fd < 64; ++fd) {
    char name[16];
    (void)snprintf(name, sizeof name, "fd/%d", fd);
    const int result = open_of_init(name, O_RDONLY);
    if (result == THROUGH) return THROUGH;
    if (result != ENOENT) refusal = result;
  }
  return refusal;
}

static int try_init_environment(void) {
  char byte;
  const int fd = is_init() ? -1 : open("/proc/1/environ", O_RDONLY);
  if (fd < 0) return is_init() ? NOTHING_TO_TRY : errno;
  const ssize_t n = read(fd, &byte, 1);
  if (n < 0) return errno;
  return n == 0 ? ENODATA : THROUGH;
}

static int try_init_read(void) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void*)0x400000, 1};
  return is_init() ? NOTHING_TO_TRY : verdict_unless_rights(process_vm_readv(1, &here, 1, &there, 1, 0));
}

// The app that `escape --victim` runs in: of the same user and rights as this one, in a root of its own.
static pid_t find_victim(void) {
  DIR* dir = opendir("/proc");
  pid_t found = 0;
  for (struct dirent* entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
    char path[64], line[256] = "";
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 1) continue;
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    const int fd = open(path, O_RDONLY);
    const ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    if (fd >= 0) close(fd);
    const size_t first = strlen(line) + 1;
    if (n > (ssize_t)first && strcmp(line + first, "--victim") == 0) found = pid;
  }
  if (dir != NULL) closedir(dir);
  return found;
}

// ESCAPE_VICTIM says that there is one, which may not have started yet.
static pid_t victim(void) {
  pid_t pid = find_victim();
  while (pid == 0 && getenv("ESCAPE_VICTIM") != NULL) {
    (void)usleep(10000);
    pid = find_victim();
  }
  return pid;
}

static int try_trace_app(void) {
  const pid_t pid = victim();
  return pid == 0 ? NOTHING_TO_TRY : trace(pid);
}
static int try_app_root(void) {
  const pid_t pid = victim();
  return pid == 0 ? NOTHING_TO_TRY : open_of(pid, "root/", O_RDONLY | O_DIRECTORY);
}
static int try_app_memory(void) {
  const pid_t pid = victim();
  return pid == 0 ? NOTHING_TO_TRY : open_of(pid, "mem", O_RDWR);
}

// Pids of the host in a volume: one a line.
static int try_signal_host(void) {
  FILE* list = fopen("/volume/pids", "re");
  if (list == NULL) return NOTHING_TO_TRY;
  int refusal = NOTHING_TO_TRY;
  for (int pid; fscanf(list, "%d", &pid) == 1;) {
    if (kill(pid, 0) == 0) {
      tell("process %d", pid);
      return THROUGH;
    }
    refusal = errno;
  }
  return refusal;
}

static int connect_to(const struct sockaddr_un* address, size_t length) {
  static const int kTypes[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
  int refusal = 0;
  for (size_t i = 0; i < sizeof kTypes / sizeof *kTypes; ++i) {
    const int fd = socket(AF_UNIX, kTypes[i], 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr*)address, (socklen_t)length) == 0) return THROUGH;
    if (errno != EPROTOTYPE) refusal = errno;
    close(fd);
  }
  return refusal;
}

static int connect_to_path(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int result = connect_to(&address, sizeof address);
  if (result == THROUGH) tell("%s", path);
  return result;
}

static int connect_to_any(const char* const* paths) {
  int refusal = NOTHING_TO_TRY;
  for (; *paths != NULL; ++paths) {
    const int result = connect_to_path(*paths);
    if (result == THROUGH) return THROUGH;
    refusal = result;
  }
  return refusal;
}

static int try_hub(void) {
  static const char* const kPaths[] = {"/run/agena/hub", "/proc/1/root/run/agena/hub", "/run/agena/notify",
                                       NULL};
  return connect_to_any(kPaths);
}
static int try_systemd(void) {
  static const char* const kPaths[] = {"/run/systemd/private", "/proc/1/root/run/systemd/private",
                                       "/run/systemd/notify", "/run/dbus/system_bus_socket", NULL};
  return connect_to_any(kPaths);
}

static int try_unit(void) {
  static const char* const kPaths[] = {"/proc/1/root/run/systemd/system/escape.service",
                                       "/proc/1/cwd/run/systemd/system/escape.service"};
  int refusal = NOTHING_TO_TRY;
  for (size_t i = 0; i < sizeof kPaths / sizeof *kPaths; ++i) {
    if (open(kPaths[i], O_WRONLY | O_CREAT, 0644) >= 0) {
      (void)unlink(kPaths[i]);
      return THROUGH;
    }
    refusal = errno;
  }
  return refusal;
}

// Sockets without a file belong to a network namespace: a name of the host's in the volume, or any in the
// list.
static int try_abstract(void) {
  FILE* list = fopen("/proc/net/unix", "re");
  if (list == NULL) return errno;
  int refusal = NOTHING_TO_TRY;
  char line[512], name[256];
  while (fgets(line, sizeof line, list) != NULL) {
    if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s @%255s", name) != 1) continue;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length =
        strlen(name) < sizeof address.sun_path - 1 ? strlen(name) : sizeof address.sun_path - 1;
    memcpy(address.sun_path + 1, name, length);
    const int result = connect_to(&address, offsetof(struct sockaddr_un, sun_path) + 1 + length);
    if (result == THROUGH) {
      tell("@%s", name);
      return THROUGH;
    }
    refusal = result;
  }
  return refusal;
}

const struct Attempt kProcessAttempts[] = {
    {"init-trace", "trace PID 1 (ptrace)", try_trace_init},
    {"init-read", "read the memory of PID 1 (process_vm_readv)", try_init_read},
    {"init-memory", "open /proc/1/mem", try_init_memory},
    {"init-root", "enter /proc/1/root", try_init_root},
    {"init-cwd", "enter /proc/1/cwd", try_init_cwd},
    {"init-descriptors", "open what PID 1 has open (/proc/1/fd)", try_init_descriptors},
    {"init-environment", "read /proc/1/environ", try_init_environment},
    {"app-trace", "trace another app of the pod (ptrace)", try_trace_app},
    {"app-memory", "open the memory of another app (/proc/PID/mem)", try_app_memory},
    {"app-root", "enter the root of another app (/proc/PID/root)", try_app_root},
    {"signal", "signal the supervisor, and processes of the host", try_signal_host},
    {"hub", "speak to the pod's hub", try_hub},
    {"systemd", "speak to a systemd or a bus", try_systemd},
    {"unit", "write a unit of the pod's systemd", try_unit},
    {"abstract-socket", "speak to an abstract socket of others", try_abstract},
    {0},
};
