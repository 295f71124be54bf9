// Numbers of system calls by name, for each ABI through which a program on this machine can call the kernel.
// libseccomp's tables, and behind them the calls that are newer than it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace agena::seccomp {

// Numbers without a call that any table knows: the kernel may be newer than this build.
struct NumberRange {
  std::uint32_t first;
  std::uint32_t last;
};

// One way into the kernel: the machine's own, and those of other programs that it runs (i386, x32).
struct Abi {
  std::string_view name;  // "x86_64", as in messages and golden files
  std::uint32_t audit_arch;
  std::uint32_t token;  // libseccomp's
  // Calls of this ABI have numbers in this range; ABIs of one audit_arch do not overlap.
  NumberRange numbers;
  std::span<const NumberRange> newer;
};

// The ABIs of the architecture that this program is built for, the machine's own first.
std::span<const Abi> abis();

// A call as the kernel sees it.
struct CallNumber {
  std::uint32_t number = 0;
  // i386 has old calls that choose another one by their first argument: socketcall(2), ipc(2).
  std::optional<std::uint32_t> subcall = {};
  bool operator==(const CallNumber&) const = default;
};

// All numbers under which a call can be made in this ABI, none if it does not have it. Names are the
// kernel's.
std::vector<CallNumber> call_numbers(const Abi& abi, std::string_view name);
// Whether any ABI of this machine, or of another architecture, has a call of this name.
bool is_call(std::string_view name);

}  // namespace agena::seccomp
