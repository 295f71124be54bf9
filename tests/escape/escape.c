// escape: runs attempts (all, or those named) and prints a line for each: NAME TAB VERDICT TAB DETAIL, where
// the verdict is "refused", "through" or "absent". `escape --list` prints NAME TAB WHAT. `escape --victim`
// waits.
#include "escape.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int detail_fd = -1;

void tell(const char* format, ...) {
  va_list list;
  va_start(list, format);
  (void)vdprintf(detail_fd, format, list);
  va_end(list);
}

int verdict(long result) { return result < 0 ? errno : THROUGH; }

int verdict_unless_rights(long result) {
  if (result >= 0) return THROUGH;
  if (errno == EPERM || errno == EACCES || errno == ENOSYS || errno == EROFS) return errno;
  tell("the right is there (%s)", strerrorname_np(errno));
  return THROUGH;
}

// An attempt may hang or be killed; both are no success.
enum { kPatience = 20 };

static void run(const struct Attempt* attempt) {
  int details[2];
  if (pipe(details) != 0) exit(3);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    close(details[0]);
    detail_fd = details[1];
    alarm(kPatience);
    const int result = attempt->run();
    if (result > 0) tell("%s", strerrorname_np(result));
    _exit(result == THROUGH ? 0 : result == NOTHING_TO_TRY ? 2 : 1);
  }
  close(details[1]);
  char detail[512] = "";
  size_t length = 0;
  for (ssize_t n;
       length < sizeof detail - 1 && (n = read(details[0], detail + length, sizeof detail - 1 - length)) > 0;)
    length += (size_t)n;
  close(details[0]);
  int status = 0;
  waitpid(child, &status, 0);
  static const char* const kVerdicts[] = {"through", "refused", "absent"};
  if (WIFSIGNALED(status))
    printf("%s\trefused\tkilled by SIG%s\n", attempt->name, sigabbrev_np(WTERMSIG(status)));
  else
    printf("%s\t%s\t%s\n", attempt->name, kVerdicts[WEXITSTATUS(status) % 3], detail);
}

static const struct Attempt* const kTables[] = {kCallAttempts, kFileAttempts, kProcessAttempts};

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--victim") == 0) {
    printf("victim\n");
    fflush(stdout);
    for (;;) pause();
  }
  int found = 0;
  for (size_t table = 0; table < sizeof kTables / sizeof *kTables; ++table)
    for (const struct Attempt* attempt = kTables[table]; attempt->name != NULL; ++attempt) {
      if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        printf("%s\t%s\n", attempt->name, attempt->what);
        ++found;
        continue;
      }
      bool wanted = argc == 1;
      for (int i = 1; i < argc; ++i) wanted = wanted || strcmp(argv[i], attempt->name) == 0;
      if (!wanted) continue;
      run(attempt);
      ++found;
    }
  return found == 0 ? 2 : 0;
}
