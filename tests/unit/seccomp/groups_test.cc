// The tables: every name is one that the kernel's lists have, and what the default list says of each call of
// this machine is as the golden file has it.
#include <linux/capability.h>
#include <seccomp.h>

#include <cstdlib>
#include <map>
#include <set>

#include "common/base/table.h"
#include "common/seccomp/groups.h"
#include "common/seccomp/policy.h"
#include "tests/support/golden.h"
#include "tests/unit/seccomp/simulator.h"

namespace agena::seccomp {
namespace {

TEST(Groups, NameOnlySystemCalls) {
  for (const std::string_view name : group_names())
    for (const std::string_view call : calls_of(*find_group(name)))
      EXPECT_TRUE(is_call(call)) << name << " " << call;
  for (const Rule& rule : default_rules(UINT64_MAX)) EXPECT_TRUE(is_call(rule.name)) << rule.name;
}

TEST(Groups, OfOtherGroupsHaveTheirCalls) {
  const auto calls = calls_of(*find_group("@systemd/privileged"));
  const std::set<std::string_view> set(calls.begin(), calls.end());
  for (const char* member : {"settimeofday", "iopl", "setuid"}) EXPECT_TRUE(set.contains(member)) << member;
  EXPECT_EQ(calls_of(*find_group("@rkt/default-blacklist")),
            calls_of(*find_group("@docker/default-blacklist")));
  EXPECT_EQ(find_group("@systemd/nonesuch"), nullptr);
}

TEST(DefaultList, HasNoCallTwice) {
  std::set<std::string> seen;
  for (const Rule& rule : default_rules(0))
    EXPECT_TRUE(!rule.conditions.empty() || seen.insert(rule.name).second) << rule.name;
}

// Names of the machine's own calls by number, from libseccomp and from the tables of newer ones.
std::map<std::uint32_t, std::string> named_calls(const Abi& abi) {
  std::map<std::uint32_t, std::string> calls;
  for (int number = 0; number < 470; ++number) {
    char* name = seccomp_syscall_resolve_num_arch(abi.token, number);
    if (name != nullptr) calls.emplace(number, name);
    std::free(name);
  }
  for (const Rule& rule : default_rules(UINT64_MAX))
    for (const CallNumber& call : call_numbers(abi, rule.name)) calls.emplace(call.number, rule.name);
  return calls;
}

TEST(DefaultList, IsAsTheGoldenFileHasIt) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the golden file is x86_64's";
#endif
  const Abi& abi = abis().front();
  // "by arguments": one answer for no argument bits, another for all of them.
  Simulator filter(*filter_for({}, 0).value());
  Simulator all(*filter_for({}, UINT64_MAX).value());
  constexpr std::uint64_t kOnes = UINT64_MAX;
  std::string text;
  for (const auto& [number, name] : named_calls(abi)) {
    const std::string none = shown(filter.run(abi.audit_arch, number));
    const std::string ones =
        shown(filter.run(abi.audit_arch, number, {kOnes, kOnes, kOnes, kOnes, kOnes, kOnes}));
    const std::string vsock = shown(filter.run(abi.audit_arch, number, {40}));
    text += fmt::format("{} {}: {}", number, name, none == ones && none == vsock ? none : "by arguments");
    const std::string with_capabilities = shown(all.run(abi.audit_arch, number));
    if (with_capabilities != none) text += fmt::format("; with a capability {}", with_capabilities);
    text += "\n";
  }
  testing::expect_golden("seccomp/default-x86_64.txt", text);
}

}  // namespace
}  // namespace agena::seccomp
