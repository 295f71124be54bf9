// A static program that the tests start as an app: tells on stdout, one `key=value` a line, how it finds
// itself; then carries out its arguments as commands, in pairs: `touch PATH` creates a file and tells `touch
// PATH=errno`, `exists PATH` tells whether it is there, `pause SECONDS` waits.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

void tell_ids() {
  std::array<gid_t, 64> groups{};
  const int count = ::getgroups(groups.size(), groups.data());
  std::printf("uid=%u gid=%u\ngroups=", ::getuid(), ::getgid());
  for (int i = 0; i < count; ++i)
    std::printf("%s%u", i == 0 ? "" : " ", groups.at(static_cast<std::size_t>(i)));
  std::printf("\n");
}

// Lines of /proc/self/status as they are: CapBnd, NoNewPrivs, SigIgn, …
void tell_status() {
  FILE* status = std::fopen("/proc/self/status", "re");
  std::array<char, 4096> line{};
  while (status != nullptr && std::fgets(line.data(), line.size(), status) != nullptr)
    std::printf("status %s", line.data());
  if (status != nullptr) std::fclose(status);
}

void tell_limits() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  std::printf("nofile=%lu:%lu\n", static_cast<unsigned long>(files.rlim_cur),
              static_cast<unsigned long>(files.rlim_max));
  std::printf("nice=%d\n", ::getpriority(PRIO_PROCESS, 0));
  FILE* score = std::fopen("/proc/self/oom_score_adj", "re");
  int value = 9999;
  if (score != nullptr && std::fscanf(score, "%d", &value) == 1) std::printf("oom=%d\n", value);
  if (score != nullptr) std::fclose(score);
}

void tell_descriptors() {
  std::printf("fds=");
  for (int fd = 0; fd < 200; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) std::printf("%s%d", fd == 0 ? "" : " ", fd);
  std::printf("\n");
  for (int fd = 0; fd < 3; ++fd) {
    struct stat st{};
    ::fstat(fd, &st);
    const char* kind = S_ISFIFO(st.st_mode) ? "pipe" : S_ISCHR(st.st_mode) ? "character" : "other";
    std::printf("fd%d=%s owner=%u tty=%d device=%lu\n", fd, kind, st.st_uid, ::isatty(fd),
                static_cast<unsigned long>(st.st_rdev));
  }
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  std::printf("controlling=%d\n", terminal >= 0 ? 1 : 0);
  if (terminal >= 0) ::close(terminal);
}

void tell_place() {
  std::array<char, PATH_MAX> path{};
  std::printf("cwd=%s\n", ::getcwd(path.data(), path.size()) == nullptr ? "?" : path.data());
  const mode_t mask = ::umask(0);
  std::printf("umask=%04o\n", mask);
  ::umask(mask);
}

void touch(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  std::printf("touch %s=%s\n", path, fd >= 0 ? "done" : ::strerrorname_np(errno));
  if (fd >= 0) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  tell_ids();
  tell_status();
  tell_limits();
  tell_descriptors();
  tell_place();
  for (char** variable = environ; *variable != nullptr; ++variable) std::printf("env %s\n", *variable);
  std::printf("argv0=%s\n", argc > 0 ? argv[0] : "");
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string command = argv[i];
    if (command == "touch") touch(argv[i + 1]);
    if (command == "exists")
      std::printf("exists %s=%d\n", argv[i + 1], ::access(argv[i + 1], F_OK) == 0 ? 1 : 0);
    std::fflush(stdout);
    if (command == "pause") ::sleep(static_cast<unsigned>(std::atoi(argv[i + 1])));
  }
  std::fflush(stdout);
  return 7;
}
