#include "common/sys/landlock.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace agena::sys {
namespace {

// struct landlock_ruleset_attr as of Linux 6.12; Debian 12's header has the first member only.
struct Ruleset {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
constexpr std::uint64_t kScopeAbstractUnixSocket = 1;

// Versions of the interface that brought what is used here.
constexpr long kVersionWithRefer = 2;
constexpr long kVersionWithScopes = 6;

// 0 if the kernel does not have it or does not use it.
long kernel_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : version;
}

// `size`: of the part of the struct that the kernel must know.
Result<UniqueFd> create_ruleset(const Ruleset& ruleset, std::size_t size) {
  const long fd = ::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
  if (fd < 0) return sys_fail("making a Landlock ruleset");
  return UniqueFd(static_cast<int>(fd));
}

Result<> enter(const UniqueFd& ruleset) {
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return sys_fail("entering a Landlock domain");
  return {};
}

}  // namespace

Result<bool> enter_process_domain(DirRef root) {
  if (kernel_version() < kVersionWithRefer) return false;
  // A domain must restrict something, and one of files restricts moving them between directories in any case.
  // Both are then allowed everywhere below the root, so that what is left is the border between domains.
  constexpr std::uint64_t kAllowed = LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
  const UniqueFd ruleset = TRY(create_ruleset({.handled_access_fs = kAllowed}, sizeof(std::uint64_t)));
  const landlock_path_beneath_attr everywhere{.allowed_access = kAllowed, .parent_fd = root.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &everywhere, 0) != 0)
    return sys_fail("allowing files in a Landlock ruleset");
  TRY(enter(ruleset));
  return true;
}

Result<bool> enter_socket_domain() {
  if (kernel_version() < kVersionWithScopes) return false;
  TRY(enter(TRY(create_ruleset({.scoped = kScopeAbstractUnixSocket}, sizeof(Ruleset)))));
  return true;
}

}  // namespace agena::sys
