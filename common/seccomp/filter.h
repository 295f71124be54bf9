// A seccomp filter as a list of rules, and its compilation to the kernel's BPF: one binary search per ABI, so
// that a call costs about a dozen instructions whatever the length of the list.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace agena::seccomp {

// What becomes of a call: a value of SECCOMP_RET_* with its data.
struct Action {
  std::uint32_t value = 0;
  bool operator==(const Action&) const = default;
};
Action allow();
Action kill_process();
Action answer(int error);

// A test of an argument, on its low 32 bits: the kernel looks at no more of the arguments that are tested
// here, so that high bits must not make a difference. Holds if (argument & mask) == value, or != if negated.
struct Condition {
  std::uint8_t argument = 0;  // from 0
  std::uint32_t mask = UINT32_MAX;
  std::uint32_t value = 0;
  bool negated = false;
  bool operator==(const Condition&) const = default;
};

struct Rule {
  std::string name;  // of a system call; in an ABI that does not have it, no rule
  Action action;     // if all conditions hold; else as if there were no rule
  std::vector<Condition> conditions = {};
};

struct FilterSpec {
  // Of several rules for a call the first that applies counts.
  std::vector<Rule> rules;
  Action otherwise;  // for calls without a rule
  Action newer;      // for calls that are newer than this build
};

// The filter as bytes: the array of struct sock_filter that seccomp(2) takes. Calls through an ABI that is
// not in abis() kill the process. Fails only if the program is too long for the kernel.
Result<std::string> compile(const FilterSpec& spec);

}  // namespace agena::seccomp
