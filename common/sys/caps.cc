#include "common/sys/caps.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::sys {
namespace {

constexpr std::array kCapabilities = {
    CapabilityRow{"CAP_AUDIT_CONTROL", CAP_AUDIT_CONTROL},
    CapabilityRow{"CAP_AUDIT_READ", CAP_AUDIT_READ},
    CapabilityRow{"CAP_AUDIT_WRITE", CAP_AUDIT_WRITE},
    CapabilityRow{"CAP_BLOCK_SUSPEND", CAP_BLOCK_SUSPEND},
    CapabilityRow{"CAP_BPF", CAP_BPF},
    CapabilityRow{"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE},
    CapabilityRow{"CAP_CHOWN", CAP_CHOWN},
    CapabilityRow{"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
    CapabilityRow{"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
    CapabilityRow{"CAP_FOWNER", CAP_FOWNER},
    CapabilityRow{"CAP_FSETID", CAP_FSETID},
    CapabilityRow{"CAP_IPC_LOCK", CAP_IPC_LOCK},
    CapabilityRow{"CAP_IPC_OWNER", CAP_IPC_OWNER},
    CapabilityRow{"CAP_KILL", CAP_KILL},
    CapabilityRow{"CAP_LEASE", CAP_LEASE},
    CapabilityRow{"CAP_LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE},
    CapabilityRow{"CAP_MAC_ADMIN", CAP_MAC_ADMIN},
    CapabilityRow{"CAP_MAC_OVERRIDE", CAP_MAC_OVERRIDE},
    CapabilityRow{"CAP_MKNOD", CAP_MKNOD},
    CapabilityRow{"CAP_NET_ADMIN", CAP_NET_ADMIN},
    CapabilityRow{"CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE},
    CapabilityRow{"CAP_NET_BROADCAST", CAP_NET_BROADCAST},
    CapabilityRow{"CAP_NET_RAW", CAP_NET_RAW},
    CapabilityRow{"CAP_PERFMON", CAP_PERFMON},
    CapabilityRow{"CAP_SETFCAP", CAP_SETFCAP},
    CapabilityRow{"CAP_SETGID", CAP_SETGID},
    CapabilityRow{"CAP_SETPCAP", CAP_SETPCAP},
    CapabilityRow{"CAP_SETUID", CAP_SETUID},
    CapabilityRow{"CAP_SYSLOG", CAP_SYSLOG},
    CapabilityRow{"CAP_SYS_ADMIN", CAP_SYS_ADMIN},
    CapabilityRow{"CAP_SYS_BOOT", CAP_SYS_BOOT},
    CapabilityRow{"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
    CapabilityRow{"CAP_SYS_MODULE", CAP_SYS_MODULE},
    CapabilityRow{"CAP_SYS_NICE", CAP_SYS_NICE},
    CapabilityRow{"CAP_SYS_PACCT", CAP_SYS_PACCT},
    CapabilityRow{"CAP_SYS_PTRACE", CAP_SYS_PTRACE},
    CapabilityRow{"CAP_SYS_RAWIO", CAP_SYS_RAWIO},
    CapabilityRow{"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE},
    CapabilityRow{"CAP_SYS_TIME", CAP_SYS_TIME},
    CapabilityRow{"CAP_SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG},
    CapabilityRow{"CAP_WAKE_ALARM", CAP_WAKE_ALARM},
};
static_assert(sorted_by_name(kCapabilities));
static_assert(kCapabilities.size() == CAP_LAST_CAP + 1);

// The kernel's sets are 64 bits wide, so no capability can be above.
constexpr int kMaxCapability = 63;

// Number in "CAP_41", the spelling of bits without a name; -1 if it is not one.
int numbered_capability(std::string_view name) {
  if (!name.starts_with("CAP_")) return -1;
  const auto number = parse_int(name.substr(4), 0, kMaxCapability);
  return number ? static_cast<int>(*number) : -1;
}

}  // namespace

std::span<const CapabilityRow> capability_table() { return kCapabilities; }

std::string_view capability_name(int capability) {
  const CapabilityRow* row = find_by_value(kCapabilities, capability);
  return row == nullptr ? std::string_view() : row->name;
}

Result<int> parse_capability(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (const CapabilityRow* row = find_by_name(kCapabilities, upper)) return row->value;
  if (const int number = numbered_capability(upper); number >= 0) return number;
  return fail(ErrorKind::kInvalidInput, "unknown capability '{}'", printable(name));
}

Result<CapabilitySet> CapabilitySet::parse(const std::vector<std::string>& names) {
  CapabilitySet set;
  for (const std::string& name : names) set.add(TRY(parse_capability(name)));
  return set;
}

std::vector<std::string> CapabilitySet::names() const {
  std::vector<std::string> all;
  for (int capability = 0; capability <= kMaxCapability; ++capability) {
    if (!contains(capability)) continue;
    const std::string_view name = capability_name(capability);
    all.push_back(name.empty() ? fmt::format("CAP_{}", capability) : std::string(name));
  }
  return all;
}

namespace {

// capget(2) and capset(2) take the sets as two words of 32 bits each.
using Words = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

constexpr CapabilitySet set_of(std::uint32_t low, std::uint32_t high) {
  return CapabilitySet(low | std::uint64_t{high} << 32U);
}

constexpr std::uint32_t word_of(CapabilitySet set, unsigned index) {
  return static_cast<std::uint32_t>(set.bits() >> (32U * index));
}

// The calling thread, version 3: 64 bits.
__user_cap_header_struct header() { return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0}; }

}  // namespace

Result<ThreadCapabilities> thread_capabilities() {
  auto head = header();
  Words words{};
  if (::syscall(SYS_capget, &head, words.data()) != 0) return sys_fail("reading capabilities");
  return ThreadCapabilities{.permitted = set_of(words[0].permitted, words[1].permitted),
                            .effective = set_of(words[0].effective, words[1].effective),
                            .inheritable = set_of(words[0].inheritable, words[1].inheritable)};
}

Result<> set_thread_capabilities(const ThreadCapabilities& sets) {
  auto head = header();
  Words words{};
  for (unsigned i = 0; i < words.size(); ++i) {
    words.at(i).permitted = word_of(sets.permitted, i);
    words.at(i).effective = word_of(sets.effective, i);
    words.at(i).inheritable = word_of(sets.inheritable, i);
  }
  if (::syscall(SYS_capset, &head, words.data()) != 0) return sys_fail("setting capabilities");
  return {};
}

Result<CapabilitySet> bounding_set() {
  CapabilitySet set;
  for (int capability = 0; capability <= kMaxCapability; ++capability) {
    const int present = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    // EINVAL: the running kernel's last capability is behind us.
    if (present < 0 && errno == EINVAL) break;
    if (present < 0) return sys_fail("reading the capability bounding set");
    if (present == 1) set.add(capability);
  }
  return set;
}

Result<> limit_bounding_set(CapabilitySet keep) {
  const CapabilitySet drop = TRY(bounding_set()).without(keep);
  for (int capability = 0; capability <= kMaxCapability; ++capability)
    if (drop.contains(capability) && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return sys_fail("dropping {} from the capability bounding set", capability_name(capability));
  return {};
}

Result<> clear_ambient_set() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return sys_fail("clearing the ambient capabilities");
  return {};
}

}  // namespace agena::sys
