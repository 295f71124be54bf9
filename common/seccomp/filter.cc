#include "common/seccomp/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <span>

#include "common/seccomp/call_numbers.h"

namespace agena::seccomp {

Action allow() { return {SECCOMP_RET_ALLOW}; }
Action kill_process() { return {SECCOMP_RET_KILL_PROCESS}; }
Action answer(int error) {
  return {SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA)};
}

namespace {

using Program = std::vector<sock_filter>;
constexpr std::size_t kMaxShortJump = UINT8_MAX;

sock_filter statement(std::uint16_t code, std::uint32_t k) {
  return {.code = code, .jt = 0, .jf = 0, .k = k};
}

sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

sock_filter finish(Action action) { return statement(BPF_RET | BPF_K, action.value); }

void append(Program& program, const Program& part) {
  program.insert(program.end(), part.begin(), part.end());
}

// A test of the accumulator: `then` if it holds, else what stands behind. Jumps over more than 255
// instructions take an instruction of their own.
Program branch(std::uint16_t test, std::uint32_t k, const Program& then) {
  Program program;
  const auto code = static_cast<std::uint16_t>(BPF_JMP | test | BPF_K);
  if (then.size() <= kMaxShortJump) {
    program.push_back({.code = code, .jt = 0, .jf = static_cast<std::uint8_t>(then.size()), .k = k});
  } else {
    program.push_back({.code = code, .jt = 1, .jf = 0, .k = k});
    program.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(then.size())));
  }
  append(program, then);
  return program;
}

// Low half of a 64-bit argument of struct seccomp_data.
std::size_t low_half(std::uint8_t argument) {
  const std::size_t half = std::endian::native == std::endian::little ? 0 : sizeof(std::uint32_t);
  return offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t) + half;
}

// The rules of one number: each ends the program if its conditions hold.
Program rule_code(const Rule& rule) {
  Program code = {finish(rule.action)};
  for (auto it = rule.conditions.rbegin(); it != rule.conditions.rend(); ++it) {
    Program tested = {load(low_half(it->argument))};
    if (it->mask != UINT32_MAX) tested.push_back(statement(BPF_ALU | BPF_AND | BPF_K, it->mask));
    const auto behind = static_cast<std::uint8_t>(code.size());
    tested.push_back({.code = BPF_JMP | BPF_JEQ | BPF_K,
                      .jt = it->negated ? behind : std::uint8_t{0},
                      .jf = it->negated ? std::uint8_t{0} : behind,
                      .k = it->value});
    append(tested, code);
    code = std::move(tested);
  }
  return code;
}

// What happens to numbers from `first` up to the next segment.
struct Segment {
  std::uint32_t first;
  Program code;
};

bool same(const Program& a, const Program& b) {
  return std::ranges::equal(a, b, [](const sock_filter& x, const sock_filter& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

// Binary search for the accumulator's segment.
Program search(std::span<const Segment> segments) {
  if (segments.size() == 1) return segments.front().code;
  const std::size_t middle = segments.size() / 2;
  Program program = branch(BPF_JGE, segments[middle].first, search(segments.subspan(middle)));
  append(program, search(segments.first(middle)));
  return program;
}

class Segments {
 public:
  // A segment that does the same as the one before it is no segment.
  void add(std::uint32_t first, Program code) {
    if (list_.empty() || !same(list_.back().code, code)) list_.push_back({first, std::move(code)});
  }
  std::span<const Segment> all() const { return list_; }

 private:
  std::vector<Segment> list_;
};

bool is_newer(const Abi& abi, std::uint32_t number) {
  return std::ranges::any_of(abi.newer, [number](const NumberRange& range) {
    return number >= range.first && number <= range.last;
  });
}

// A call with a rule, in the order of the rules.
struct RuledCall {
  CallNumber call;
  const Rule* rule;
};

// By number; rules of one number keep their order.
std::vector<RuledCall> ruled_calls(const FilterSpec& spec, const Abi& abi) {
  std::vector<RuledCall> calls;
  calls.reserve(spec.rules.size());
  for (const Rule& rule : spec.rules)
    for (const CallNumber& call : call_numbers(abi, rule.name)) calls.push_back({call, &rule});
  std::ranges::stable_sort(calls, {}, [](const RuledCall& one) { return one.call.number; });
  return calls;
}

// The rules of one number, up to one that applies always, and what counts without one.
Program code_of(std::span<const RuledCall> rules, Action otherwise) {
  Program code;
  for (const RuledCall& one : rules) {
    if (one.rule->conditions.empty() && !one.call.subcall) {
      code.push_back(finish(one.rule->action));
      return code;
    }
    Rule exact = *one.rule;
    if (one.call.subcall)
      exact.conditions.insert(exact.conditions.begin(), Condition{.argument = 0, .value = *one.call.subcall});
    append(code, rule_code(exact));
  }
  code.push_back(finish(otherwise));
  return code;
}

// All numbers of an ABI, in order.
Program abi_program(const FilterSpec& spec, const Abi& abi) {
  const auto calls = ruled_calls(spec, abi);
  Segments segments;
  // Fills the numbers without rules from `next` up to `end`, which are of two kinds.
  std::uint64_t next = abi.numbers.first;
  const auto fill_up_to = [&](std::uint64_t end) {
    while (next < end) {
      const auto number = static_cast<std::uint32_t>(next);
      const bool newer = is_newer(abi, number);
      segments.add(number, {finish(newer ? spec.newer : spec.otherwise)});
      next = end;
      for (const NumberRange& range : abi.newer)
        for (const std::uint64_t edge : {std::uint64_t{range.first}, std::uint64_t{range.last} + 1})
          if (edge > number && edge < next) next = edge;
    }
  };
  for (auto it = calls.begin(); it != calls.end();) {
    const std::uint32_t number = it->call.number;
    const auto last =
        std::find_if(it, calls.end(), [number](const RuledCall& one) { return one.call.number != number; });
    fill_up_to(number);
    segments.add(number, code_of({it, last}, spec.otherwise));
    next = std::uint64_t{number} + 1;
    it = last;
  }
  fill_up_to(std::uint64_t{abi.numbers.last} + 1);
  return search(segments.all());
}

// The ABIs of one audit architecture, which are told apart by the number.
Program arch_program(const FilterSpec& spec, std::uint32_t audit_arch) {
  std::vector<const Abi*> members;
  for (const Abi& abi : abis())
    if (abi.audit_arch == audit_arch) members.push_back(&abi);
  std::ranges::sort(members, std::greater<>(), [](const Abi* abi) { return abi->numbers.first; });
  Program program = {load(offsetof(seccomp_data, nr))};
  for (const Abi* abi : members) {
    Program part = abi_program(spec, *abi);
    append(program, abi == members.back() ? part : branch(BPF_JGE, abi->numbers.first, part));
  }
  return program;
}

}  // namespace

Result<std::string> compile(const FilterSpec& spec) {
  Program program = {load(offsetof(seccomp_data, arch))};
  std::vector<std::uint32_t> done;
  for (const Abi& abi : abis()) {
    if (std::ranges::find(done, abi.audit_arch) != done.end()) continue;
    done.push_back(abi.audit_arch);
    append(program, branch(BPF_JEQ, abi.audit_arch, arch_program(spec, abi.audit_arch)));
  }
  program.push_back(finish(kill_process()));
  if (program.size() > BPF_MAXINSNS)
    return fail(ErrorKind::kUnsupported,
                "the system call filter has {} instructions, more than the kernel takes", program.size());
  return std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
}

}  // namespace agena::seccomp
