// Whom `stop` ends, by what a pod's directory says of processes.
#include "stage1/stop/stop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"
#include "common/sys/spawn.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using test::ok;

// A process that waits in a directory.
Result<sys::Child> waits_in(const sys::DirFd& directory) {
  return sys::fork_child([&] {
    if (::fchdir(directory.get()) != 0) return 1;
    while (true) ::pause();
  });
}

// Until it is there: what is looked at is where it works.
void wait_until_in(pid_t pid, const std::string& path) {
  const std::string link = "/proc/" + std::to_string(pid) + "/cwd";
  while (sys::read_link(sys::at_cwd(), link).value_or("") != path) ::usleep(1000);
}

TEST(Stop, EndsTheSupervisorAndNoStranger) {
  const test::TempDir pod;
  const test::TempDir elsewhere;
  for (const contract::EntrypointCall& call :
       {contract::EntrypointCall{},
        contract::EntrypointCall{.options = {{"force", "true"}}, .operands = {}}}) {
    auto stranger = waits_in(elsewhere.dir());
    ASSERT_TRUE(ok(stranger));
    wait_until_in(stranger->pid(), sys::path_of_fd(elsewhere.dir().get()).value());
    ASSERT_TRUE(ok(contract::write_pid_file(pod.dir(), contract::pod_paths::kPpid, stranger->pid())));
    EXPECT_TRUE(ok(stop(pod.dir(), call)));
    const auto ended = sys::wait_for_end(stranger->fd(), kSecond / 5);
    ASSERT_TRUE(ok(ended));
    EXPECT_FALSE(*ended);
    ASSERT_TRUE(ok(sys::send_signal(stranger->fd(), SIGKILL)));

    auto supervisor = waits_in(pod.dir());
    ASSERT_TRUE(ok(supervisor));
    wait_until_in(supervisor->pid(), sys::path_of_fd(pod.dir().get()).value());
    ASSERT_TRUE(ok(contract::write_pid_file(pod.dir(), contract::pod_paths::kPpid, supervisor->pid())));
    EXPECT_TRUE(ok(stop(pod.dir(), call)));
    const auto status = supervisor->wait();
    ASSERT_TRUE(ok(status));
    EXPECT_EQ(status->value, call.flag("force") ? SIGKILL : SIGTERM);
  }
}

}  // namespace
}  // namespace agena::stage1
