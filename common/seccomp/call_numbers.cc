#include "common/seccomp/call_numbers.h"

#include <linux/audit.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <string>

#include "common/base/table.h"

namespace agena::seccomp {
namespace {

// The last number of the kernels that this table was made for (6.18). From 424 on all architectures number
// alike.
constexpr std::uint32_t kNewestNumber = 469;

struct NewCall {
  std::string_view name;
  std::uint32_t number;
};
// Calls that libseccomp 2.5.4 (Debian 12) does not know.
constexpr std::array kNewCalls = {
    NewCall{"cachestat", 451},         NewCall{"fchmodat2", 452},         NewCall{"file_getattr", 468},
    NewCall{"file_setattr", 469},      NewCall{"futex_requeue", 456},     NewCall{"futex_wait", 455},
    NewCall{"futex_wake", 454},        NewCall{"getxattrat", 464},        NewCall{"listmount", 458},
    NewCall{"listxattrat", 465},       NewCall{"lsm_get_self_attr", 459}, NewCall{"lsm_list_modules", 461},
    NewCall{"lsm_set_self_attr", 460}, NewCall{"map_shadow_stack", 453},  NewCall{"mseal", 462},
    NewCall{"open_tree_attr", 467},    NewCall{"removexattrat", 466},     NewCall{"setxattrat", 463},
    NewCall{"statmount", 457},
};
static_assert(sorted_by_name(kNewCalls));

#if defined(__x86_64__)

constexpr std::uint32_t kX32Bit = 0x40000000;

// x86_64 alone: calls that set breakpoints of uprobes.
constexpr std::array kNativeCalls = {NewCall{"uprobe", 336}, NewCall{"uretprobe", 335}};

constexpr std::array kNewerNative = {NumberRange{kNewestNumber + 1, kX32Bit - 1}};
constexpr std::array kNewerI386 = {NumberRange{kNewestNumber + 1, UINT32_MAX}};
// From 512 on are the calls that x32 has in forms of its own.
constexpr std::array kNewerX32 = {NumberRange{kX32Bit + kNewestNumber + 1, kX32Bit + 511},
                                  NumberRange{kX32Bit + 548, UINT32_MAX}};
constexpr std::array kAbis = {
    Abi{"x86_64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, {0, kX32Bit - 1}, kNewerNative},
    Abi{"i386", AUDIT_ARCH_I386, SCMP_ARCH_X86, {0, UINT32_MAX}, kNewerI386},
    Abi{"x32", AUDIT_ARCH_X86_64, SCMP_ARCH_X32, {kX32Bit, UINT32_MAX}, kNewerX32},
};

// linux/net.h and linux/ipc.h: calls that i386 got late beside socketcall(2) and ipc(2), under which
// libseccomp files them.
constexpr std::array kDirectCalls = {
    NewCall{"accept4", 364},     NewCall{"bind", 361},        NewCall{"connect", 362},
    NewCall{"getpeername", 368}, NewCall{"getsockname", 367}, NewCall{"getsockopt", 365},
    NewCall{"listen", 363},      NewCall{"msgctl", 402},      NewCall{"msgget", 399},
    NewCall{"msgrcv", 401},      NewCall{"msgsnd", 400},      NewCall{"recvfrom", 371},
    NewCall{"recvmsg", 372},     NewCall{"semctl", 394},      NewCall{"semget", 393},
    NewCall{"sendmsg", 370},     NewCall{"sendto", 369},      NewCall{"setsockopt", 366},
    NewCall{"shmat", 397},       NewCall{"shmctl", 396},      NewCall{"shmdt", 398},
    NewCall{"shmget", 395},      NewCall{"shutdown", 373},    NewCall{"socket", 359},
    NewCall{"socketpair", 360},
};
static_assert(sorted_by_name(kDirectCalls));

// libseccomp gives calls behind socketcall(2) the number -100 - SUBCALL, and behind ipc(2) -200 - SUBCALL.
constexpr int kBehindSocketcall = -100;
constexpr int kBehindIpc = -200;
constexpr int kMaxSubcall = 24;
constexpr std::uint32_t kSocketcall = 102;
constexpr std::uint32_t kIpc = 117;

std::uint32_t first_number(const Abi& abi) { return abi.numbers.first; }

std::vector<CallNumber> multiplexed(const Abi& abi, std::string_view name, int pseudo) {
  if (abi.token != SCMP_ARCH_X86 || pseudo >= kBehindSocketcall || pseudo < kBehindIpc - kMaxSubcall)
    return {};
  const bool socket = pseudo > kBehindIpc;
  std::vector<CallNumber> numbers = {
      {.number = socket ? kSocketcall : kIpc,
       .subcall = static_cast<std::uint32_t>((socket ? kBehindSocketcall : kBehindIpc) - pseudo)}};
  if (const NewCall* direct = find_by_name(kDirectCalls, name)) numbers.push_back({.number = direct->number});
  return numbers;
}

#else

#if defined(__aarch64__)
constexpr std::array kNewerNative = {NumberRange{kNewestNumber + 1, UINT32_MAX}};
// Between them are arm's own calls (breakpoint, cacheflush, set_tls…).
constexpr std::array kNewerArm = {NumberRange{kNewestNumber + 1, 0x0effff},
                                  NumberRange{0x0f0006, UINT32_MAX}};
constexpr std::array kAbis = {
    Abi{"aarch64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, {0, UINT32_MAX}, kNewerNative},
    Abi{"arm", AUDIT_ARCH_ARM, SCMP_ARCH_ARM, {0, UINT32_MAX}, kNewerArm},
};
#else
#error "common/seccomp does not know the ABIs of this architecture"
#endif
constexpr std::array<NewCall, 0> kNativeCalls = {};

std::uint32_t first_number(const Abi& abi) { return abi.numbers.first; }

std::vector<CallNumber> multiplexed(const Abi&, std::string_view, int) { return {}; }

#endif

}  // namespace

std::span<const Abi> abis() { return kAbis; }

std::vector<CallNumber> call_numbers(const Abi& abi, std::string_view name) {
  if (const NewCall* call = find_by_name(kNewCalls, name))
    return {{.number = first_number(abi) + call->number}};
  if (abi.token == kAbis.front().token)
    if (const NewCall* call = find_by_name(kNativeCalls, name)) return {{.number = call->number}};
  const int number = seccomp_syscall_resolve_name_arch(abi.token, std::string(name).c_str());
  // x32's numbers have a high bit, not the sign. Negative ones are libseccomp's for calls of other ABIs.
  if (number >= 0) return {{.number = static_cast<std::uint32_t>(number)}};
  return multiplexed(abi, name, number);
}

bool is_call(std::string_view name) {
  // For a call of another architecture libseccomp has a negative number of its own.
  return find_by_name(kNewCalls, name) != nullptr || find_by_name(kNativeCalls, name) != nullptr ||
         seccomp_syscall_resolve_name(std::string(name).c_str()) != __NR_SCMP_ERROR;
}

}  // namespace agena::seccomp
