// Runs a compiled filter as the kernel would: an interpreter of the part of classic BPF that seccomp takes.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/result.h"
#include "common/seccomp/call_numbers.h"
#include "common/seccomp/filter.h"

namespace agena::seccomp {

class Simulator {
 public:
  explicit Simulator(const FilterSpec& spec) {
    const auto bytes = compile(spec);
    EXPECT_TRUE(bytes.has_value());
    program_.resize(bytes->size() / sizeof(sock_filter));
    std::memcpy(program_.data(), bytes->data(), bytes->size());
  }

  std::size_t size() const { return program_.size(); }

  // What the filter says of a call; the number of instructions it took is left in steps().
  std::uint32_t run(std::uint32_t arch, std::uint32_t number, const std::array<std::uint64_t, 6>& args = {}) {
    seccomp_data data{};
    data.arch = arch;
    data.nr = static_cast<int>(number);
    for (std::size_t i = 0; i < args.size(); ++i) data.args[i] = args.at(i);
    std::uint32_t accumulator = 0;
    steps_ = 0;
    for (std::size_t at = 0;; ++at, ++steps_) {
      if (at >= program_.size()) {
        ADD_FAILURE() << "the program runs off its end";
        return 0;
      }
      const sock_filter& line = program_[at];
      switch (line.code) {
        case BPF_LD | BPF_W | BPF_ABS:
          std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + line.k, sizeof accumulator);
          break;
        case BPF_ALU | BPF_AND | BPF_K:
          accumulator &= line.k;
          break;
        case BPF_JMP | BPF_JA:
          at += line.k;
          break;
        case BPF_JMP | BPF_JEQ | BPF_K:
          at += accumulator == line.k ? line.jt : line.jf;
          break;
        case BPF_JMP | BPF_JGE | BPF_K:
          at += accumulator >= line.k ? line.jt : line.jf;
          break;
        case BPF_RET | BPF_K:
          return line.k;
        default:
          ADD_FAILURE() << "unknown instruction " << line.code;
          return 0;
      }
    }
  }

  // The same for a call by name, in an ABI that has it.
  std::uint32_t call(const Abi& abi, std::string_view name, const std::array<std::uint64_t, 6>& args = {}) {
    const auto numbers = call_numbers(abi, name);
    if (numbers.empty()) {
      ADD_FAILURE() << abi.name << " has no " << name;
      return 0;
    }
    return run(abi.audit_arch, numbers.back().number, args);
  }

  int steps() const { return steps_; }

 private:
  std::vector<sock_filter> program_;
  int steps_ = 0;
};

inline std::string shown(std::uint32_t verdict) {
  if (verdict == SECCOMP_RET_ALLOW) return "allow";
  if (verdict == SECCOMP_RET_KILL_PROCESS) return "kill";
  return ::strerrorname_np(static_cast<int>(verdict & SECCOMP_RET_DATA));
}

}  // namespace agena::seccomp
