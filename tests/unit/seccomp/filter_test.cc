// Compiled filters, run by a simulator of the kernel's BPF.
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>

#include <gmock/gmock.h>

#include "common/seccomp/policy.h"
#include "tests/support/result_matchers.h"
#include "tests/unit/seccomp/simulator.h"

namespace agena::seccomp {
namespace {

constexpr std::uint32_t kHighBits = 0xFFFFFFFF;

FilterSpec spec_for(const std::optional<CallSet>& set, std::uint64_t capabilities = 0) {
  auto filter = filter_for(set, capabilities);
  EXPECT_TRUE(filter.has_value());
  EXPECT_TRUE(filter->has_value());
  return **filter;
}

Simulator retain(std::vector<std::string> names, const std::string& error = "") {
  return Simulator(spec_for(CallSet{Mode::kRetain, std::move(names), error}));
}
Simulator removed(std::vector<std::string> names, const std::string& error = "") {
  return Simulator(spec_for(CallSet{Mode::kRemove, std::move(names), error}));
}

std::uint64_t bit(int capability) { return std::uint64_t{1} << static_cast<unsigned>(capability); }

TEST(DefaultFilter, IsTheSameInEveryAbi) {
  Simulator filter(spec_for({}));
  for (const Abi& abi : abis()) {
    EXPECT_EQ(shown(filter.call(abi, "read")), "allow") << abi.name;
    EXPECT_EQ(shown(filter.call(abi, "mount")), "EPERM") << abi.name;
    EXPECT_EQ(shown(filter.call(abi, "keyctl")), "EPERM") << abi.name;
    EXPECT_EQ(shown(filter.call(abi, "io_uring_setup")), "EPERM") << abi.name;
    EXPECT_EQ(shown(filter.call(abi, "clone3")), "ENOSYS") << abi.name;
    EXPECT_EQ(shown(filter.call(abi, "fchmodat2")), "allow") << abi.name;
    EXPECT_LT(filter.steps(), 24) << abi.name;
  }
}

TEST(DefaultFilter, AnswersForCallsOfTheFutureAsAnOlderKernelWould) {
  Simulator filter(spec_for({}));
  for (const Abi& abi : abis())
    EXPECT_EQ(shown(filter.run(abi.audit_arch, abi.newer.front().first)), "ENOSYS") << abi.name;
  EXPECT_EQ(shown(filter.run(abis().front().audit_arch, UINT32_MAX)), "ENOSYS");
}

TEST(DefaultFilter, KillsForeignArchitectures) {
  Simulator filter(spec_for({}));
  EXPECT_EQ(shown(filter.run(AUDIT_ARCH_S390X, 3)), "kill");
}

TEST(DefaultFilter, LooksAtTheFlagsOfClone) {
  Simulator filter(spec_for({}));
  const Abi& abi = abis().front();
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  EXPECT_EQ(shown(filter.call(abi, "clone", {kThread})), "allow");
  for (const int flag :
       {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP})
    EXPECT_EQ(shown(filter.call(abi, "clone", {kThread | static_cast<std::uint64_t>(flag)})), "EPERM")
        << flag;
}

// The kernel takes these arguments as 32-bit numbers: what is in the high half must not hide the low one.
TEST(DefaultFilter, HighHalvesOfArgumentsHideNothing) {
  Simulator filter(spec_for({}));
  const Abi& abi = abis().front();
  constexpr std::uint64_t kHigh = std::uint64_t{kHighBits} << 32U;
  EXPECT_EQ(shown(filter.call(abi, "socket", {AF_INET})), "allow");
  EXPECT_EQ(shown(filter.call(abi, "socket", {AF_VSOCK})), "EPERM");
  EXPECT_EQ(shown(filter.call(abi, "socket", {kHigh | AF_VSOCK})), "EPERM");
  EXPECT_EQ(shown(filter.call(abi, "clone", {kHigh | CLONE_NEWUSER})), "EPERM");
  EXPECT_EQ(shown(filter.call(abi, "personality", {kHigh | ADDR_NO_RANDOMIZE})), "EPERM");
}

TEST(DefaultFilter, KnowsHarmlessPersonalities) {
  Simulator filter(spec_for({}));
  const Abi& abi = abis().front();
  for (const std::uint64_t good : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xFFFFFFFFULL})
    EXPECT_EQ(shown(filter.call(abi, "personality", {good})), "allow") << good;
  EXPECT_EQ(shown(filter.call(abi, "personality", {ADDR_NO_RANDOMIZE})), "EPERM");
}

TEST(DefaultFilter, GrowsWithCapabilities) {
  const Abi& abi = abis().front();
  Simulator admin(spec_for({}, bit(CAP_SYS_ADMIN)));
  for (const char* name : {"mount", "clone3", "setns", "unshare", "bpf", "pivot_root"})
    EXPECT_EQ(shown(admin.call(abi, name, {CLONE_NEWUSER})), "allow") << name;
  EXPECT_EQ(shown(admin.call(abi, "clone", {CLONE_NEWUSER})), "allow");
  EXPECT_EQ(shown(admin.call(abi, "init_module")), "EPERM");
  Simulator chroot(spec_for({}, bit(CAP_SYS_CHROOT)));
  EXPECT_EQ(shown(chroot.call(abi, "chroot")), "allow");
  EXPECT_EQ(shown(Simulator(spec_for({})).call(abi, "chroot")), "EPERM");
}

TEST(RetainedCalls, AreAllThatThereIs) {
  const Abi& abi = abis().front();
  Simulator filter = retain({"read", "openat"});
  EXPECT_EQ(shown(filter.call(abi, "read")), "allow");
  EXPECT_EQ(shown(filter.call(abi, "mkdirat")), "kill");
  EXPECT_EQ(shown(filter.call(abi, "execve")), "allow") << "stage2 could not start the program";
  EXPECT_EQ(shown(filter.run(abi.audit_arch, abi.newer.front().first)), "ENOSYS");
  Simulator gentle = retain({"read"}, "EACCES");
  EXPECT_EQ(shown(gentle.call(abi, "mkdirat")), "EACCES");
}

// A group of the default list brings its conditions; a call that the user names has none.
TEST(RetainedCalls, OfTheDefaultList) {
  const Abi& abi = abis().front();
  Simulator group = retain({"@docker/default-whitelist", "mount"});
  EXPECT_EQ(shown(group.call(abi, "mount")), "allow");
  EXPECT_EQ(shown(group.call(abi, "umount2")), "kill");
  EXPECT_EQ(shown(group.call(abi, "clone", {CLONE_NEWUSER})), "kill");
  EXPECT_EQ(shown(group.call(abi, "clone3")), "ENOSYS");
  Simulator named = retain({"@rkt/default-whitelist", "clone"});
  EXPECT_EQ(shown(named.call(abi, "clone", {CLONE_NEWUSER})), "allow");
}

TEST(RemovedCalls, LeaveTheRest) {
  const Abi& abi = abis().front();
  Simulator filter = removed({"mkdirat", "@systemd/clock"});
  EXPECT_EQ(shown(filter.call(abi, "mkdirat")), "kill");
  EXPECT_EQ(shown(filter.call(abi, "settimeofday")), "kill");
  EXPECT_EQ(shown(filter.call(abi, "mount")), "allow");
  EXPECT_EQ(shown(filter.run(abi.audit_arch, abi.newer.front().first)), "allow");
  Simulator blacklist = removed({"@docker/default-blacklist"}, "EPERM");
  EXPECT_EQ(shown(blacklist.call(abi, "mount")), "EPERM");
  EXPECT_EQ(shown(blacklist.call(abi, "read")), "allow");
}

#if defined(__x86_64__)
// i386 makes sockets in two ways.
TEST(RemovedCalls, BehindMultiplexers) {
  const Abi& i386 = abis()[1];
  ASSERT_EQ(i386.name, "i386");
  constexpr std::uint32_t kSocketcall = 102;
  constexpr std::uint64_t kSocket = 1;
  constexpr std::uint64_t kBind = 2;
  Simulator filter = removed({"socket", "shmat"}, "EPERM");
  EXPECT_EQ(shown(filter.run(i386.audit_arch, kSocketcall, {kSocket})), "EPERM");
  EXPECT_EQ(shown(filter.run(i386.audit_arch, kSocketcall, {kBind})), "allow");
  EXPECT_EQ(shown(filter.run(i386.audit_arch, 359)), "EPERM");
  EXPECT_EQ(shown(filter.run(i386.audit_arch, 117, {21})), "EPERM");
  EXPECT_EQ(shown(filter.run(i386.audit_arch, 117, {22})), "allow");
}
#endif

// What an image may say: the default list or less.
TEST(SetsWithinTheDefault, DoNotWiden) {
  const Abi& abi = abis().front();
  const auto within = [](Mode mode, std::vector<std::string> names, const std::string& error = "") {
    return Simulator(spec_for(CallSet{mode, std::move(names), error, true}));
  };
  Simulator all = within(Mode::kRetain, {"@appc.io/all"});
  EXPECT_EQ(shown(all.call(abi, "mount")), "EPERM");
  EXPECT_EQ(shown(all.call(abi, "clone", {CLONE_NEWUSER})), "EPERM");
  EXPECT_EQ(shown(all.call(abi, "read")), "allow");
  Simulator removed = within(Mode::kRemove, {"swapon", "mkdirat"});
  EXPECT_EQ(shown(removed.call(abi, "mount")), "EPERM");
  EXPECT_EQ(shown(removed.call(abi, "mkdirat")), "kill");
  EXPECT_EQ(shown(removed.call(abi, "read")), "allow");
  EXPECT_EQ(shown(removed.run(abi.audit_arch, abi.newer.front().first)), "ENOSYS");
  Simulator some = within(Mode::kRetain, {"openat", "clone", "mount"}, "EACCES");
  EXPECT_EQ(shown(some.call(abi, "openat")), "allow");
  EXPECT_EQ(shown(some.call(abi, "mkdirat")), "EACCES");
  EXPECT_EQ(shown(some.call(abi, "mount")), "EPERM");
  EXPECT_EQ(shown(some.call(abi, "execve")), "allow");
  EXPECT_EQ(shown(some.call(abi, "clone", {SIGCHLD})), "allow");
  EXPECT_EQ(shown(some.call(abi, "clone", {CLONE_NEWUSER})), "EPERM");
  EXPECT_EQ(shown(some.call(abi, "clone3")), "ENOSYS");
  EXPECT_EQ(shown(within(Mode::kRetain, {"@docker/default-whitelist"}).call(abi, "mkdirat")), "allow");
  EXPECT_EQ(filter_for(CallSet{Mode::kRetain, {"opne"}, "", true}, 0).error().to_string(),
            "unknown system call 'opne'");
}

TEST(Sets, ThatMeanSomethingElse) {
  EXPECT_EQ(filter_for(CallSet{Mode::kRetain, {"@appc.io/all"}, ""}, 0).value(), std::nullopt);
  const Abi& abi = abis().front();
  EXPECT_EQ(shown(removed({"@appc.io/empty"}).call(abi, "mount")), "EPERM");
  EXPECT_EQ(shown(removed({"@appc.io/empty"}).call(abi, "read")), "allow");
  EXPECT_EQ(shown(removed({"@appc.io/empty"}, "ENODEV").call(abi, "mount")), "ENODEV");
  EXPECT_EQ(shown(retain({"@appc.io/empty"}).call(abi, "read")), "kill");
}

TEST(Sets, WithMistakes) {
  const auto error = [](Mode mode, const char* name, const char* errno_name) {
    return filter_for(CallSet{mode, {name}, errno_name}, 0).error().to_string();
  };
  EXPECT_EQ(error(Mode::kRetain, "opne", ""), "unknown system call 'opne'");
  EXPECT_EQ(error(Mode::kRemove, "opne", ""), "unknown system call 'opne'");
  EXPECT_EQ(error(Mode::kRemove, "read", "ENOPE"), "unknown errno 'ENOPE'");
  EXPECT_THAT(
      error(Mode::kRetain, "@docker/default", ""),
      ::testing::StartsWith("unknown group of system calls '@docker/default' (there are @appc.io/all, "));
  EXPECT_EQ(error(Mode::kRemove, "@appc.io/all", ""),
            "group '@appc.io/all' cannot be removed: no program could start");
}

TEST(Sets, NameCallsOfOtherArchitectures) {
  EXPECT_TRUE(
      filter_for(CallSet{Mode::kRetain, {"socketcall", "set_tls", "s390_pci_mmio_read"}, ""}, 0).has_value());
}

}  // namespace
}  // namespace agena::seccomp
