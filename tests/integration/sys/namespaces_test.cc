// Mount namespaces that are kept by mounting them: on whichever CPU they are made.
#include "common/sys/namespaces.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <functional>

#include <gtest/gtest.h>

#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/spawn.h"
#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

void run_on(std::size_t cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
}

std::vector<std::size_t> allowed_cpus() {
  cpu_set_t allowed;
  EXPECT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  std::vector<std::size_t> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 4; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  return cpus;
}

// Ends with what went wrong; empty if nothing did.
std::string outcome_of(const std::function<Result<>()>& body) {
  Pipe pipe = make_pipe().value();
  auto child = fork_child([&] {
    const auto done = body();
    if (!done) (void)write_all(pipe.write.get(), done.error().to_string());
    return done ? 0 : 1;
  });
  EXPECT_TRUE(child);
  pipe.write.reset();
  std::string text = read_all(pipe.read.get()).value();
  EXPECT_EQ(child->wait().value().success(), text.empty());
  return text;
}

// In a mount namespace made on one CPU: makes another on another CPU, and mounts it here.
Result<> keep_one(const std::string& file, std::size_t here, std::size_t there) {
  run_on(here);
  TRY(enter_private_mount_namespace());
  const DirFd proc = TRY(open_dir("/proc"));
  Pipe ready = TRY(make_pipe());
  Pipe done = TRY(make_pipe());
  auto child = TRY(fork_child([&] {
    cpu_set_t both;
    CPU_ZERO(&both);
    CPU_SET(here, &both);
    CPU_SET(there, &both);
    run_on(there);
    if (::sched_setaffinity(0, sizeof both, &both) != 0) return 1;
    const auto made = unshare_mounts_to_keep(proc);
    (void)write_all(ready.write.get(), made ? "+" : "-");
    char byte = 0;
    (void)!::read(done.read.get(), &byte, 1);
    return made ? 0 : 1;
  }));
  char answer = 0;
  if (::read(ready.read.get(), &answer, 1) != 1 || answer != '+')
    return fail(ErrorKind::kSystem, "no namespace was made");
  const std::string path = fmt::format("/proc/{}/ns/mnt", child.pid());
  const bool mounted = ::mount(path.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) == 0;
  if (!mounted) return sys_fail("mounting a mount namespace");
  return {};
}

TEST(MountNamespaces, CanBeKeptWhicheverCpuMadeThem) {
  const test::TempDir temp;
  const std::string file = temp.path() + "/kept";
  ASSERT_TRUE(write_file(at_cwd(), file, ""));
  for (const std::size_t here : allowed_cpus())
    for (const std::size_t there : allowed_cpus())
      EXPECT_EQ(outcome_of([&] { return keep_one(file, here, there); }), "") << here << " " << there;
}

}  // namespace
}  // namespace agena::sys
