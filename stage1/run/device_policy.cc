#include "stage1/run/device_policy.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace agena::stage1 {
namespace {

// The instructions that are needed (Documentation/bpf/standardization/instruction-set.rst).
using Program = std::vector<bpf_insn>;

bpf_insn instruction(int code, unsigned to, unsigned from, std::int16_t offset, std::int32_t value) {
  bpf_insn out{};
  out.code = static_cast<std::uint8_t>(code);
  out.dst_reg = static_cast<std::uint8_t>(to & 0xFU);
  out.src_reg = static_cast<std::uint8_t>(from & 0xFU);
  out.off = offset;
  out.imm = value;
  return out;
}

bpf_insn load_word(unsigned to, std::size_t offset) {
  return instruction(BPF_LDX | BPF_W | BPF_MEM, to, BPF_REG_1, static_cast<std::int16_t>(offset), 0);
}
bpf_insn compute(int operation, unsigned to, std::uint32_t value) {
  return instruction(BPF_ALU | operation | BPF_K, to, 0, 0, static_cast<std::int32_t>(value));
}
bpf_insn copy(unsigned to, unsigned from) { return instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
bpf_insn jump_unless_equal(unsigned reg, std::uint32_t value, std::size_t distance) {
  return instruction(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, static_cast<std::int16_t>(distance),
                     static_cast<std::int32_t>(value));
}

void add_answer(Program& program, bool allowed) {
  program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allowed ? 1 : 0));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

// Where the facts of the access are kept.
constexpr unsigned kAccess = BPF_REG_2;
constexpr unsigned kType = BPF_REG_3;
constexpr unsigned kMajor = BPF_REG_4;
constexpr unsigned kMinor = BPF_REG_5;
constexpr unsigned kRest = BPF_REG_6;

void add_facts(Program& program) {
  // access_type: access in the upper half, type of the device in the lower.
  program.push_back(load_word(kAccess, offsetof(bpf_cgroup_dev_ctx, access_type)));
  program.push_back(copy(kType, kAccess));
  program.push_back(compute(BPF_AND, kType, 0xFFFF));
  program.push_back(compute(BPF_RSH, kAccess, 16));
  program.push_back(load_word(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
  program.push_back(load_word(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
}

// If the device is the rule's and nothing is asked that it does not allow: yes. Otherwise on to the next.
void add_rule(Program& program, const DeviceRule& rule) {
  const std::uint32_t allowed = (rule.read ? std::uint32_t{BPF_DEVCG_ACC_READ} : 0U) |
                                (rule.write ? std::uint32_t{BPF_DEVCG_ACC_WRITE} : 0U) |
                                (rule.mknod ? std::uint32_t{BPF_DEVCG_ACC_MKNOD} : 0U);
  Program body;
  body.push_back(copy(kRest, kAccess));
  body.push_back(compute(BPF_AND, kRest, ~allowed));
  body.push_back(jump_unless_equal(kRest, 0, 2));
  add_answer(body, true);
  std::size_t left = body.size() + (rule.minor ? 2 : 1);
  program.push_back(
      jump_unless_equal(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, left--));
  program.push_back(jump_unless_equal(kMajor, rule.major, left--));
  if (rule.minor) program.push_back(jump_unless_equal(kMinor, *rule.minor, left));
  program.insert(program.end(), body.begin(), body.end());
}

long bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint64_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

Result<sys::UniqueFd> load_program(const std::vector<DeviceRule>& rules) {
  Program program;
  add_facts(program);
  for (const DeviceRule& rule : rules) add_rule(program, rule);
  add_answer(program, false);
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = address(program.data());
  load.insn_cnt = static_cast<std::uint32_t>(program.size());
  load.license = address("Apache-2.0");
  sys::UniqueFd loaded(static_cast<int>(bpf(BPF_PROG_LOAD, load)));
  if (!loaded) return sys_fail("loading the device policy into the kernel");
  return loaded;
}

// In place of `former`, if there is one.
Result<> attach_program(const sys::DirFd& cgroup, const sys::UniqueFd& program, const sys::UniqueFd& former) {
  bpf_attr attach{};
  attach.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attach.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  // Programs of the cgroups above count as well; systemd's own are attached like this.
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (former) {
    attach.attach_flags |= BPF_F_REPLACE;
    attach.replace_bpf_fd = static_cast<std::uint32_t>(former.get());
  }
  if (bpf(BPF_PROG_ATTACH, attach) != 0) return sys_fail("attaching the device policy to the pod's cgroup");
  return {};
}

}  // namespace

Result<DevicePolicy> DevicePolicy::attach(const sys::DirFd& cgroup, const std::vector<DeviceRule>& rules) {
  DevicePolicy policy;
  policy.program_ = TRY(load_program(rules));
  policy.own_ = policy.rules_ = rules;
  TRY(attach_program(cgroup, policy.program_, {}));
  return policy;
}

Result<> DevicePolicy::allow(const sys::DirFd& cgroup, const std::vector<DeviceRule>& more) {
  std::vector<DeviceRule> rules = own_;
  for (const DeviceRule& rule : more)
    if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
  if (rules == rules_) return {};
  sys::UniqueFd program = TRY(load_program(rules));
  TRY(attach_program(cgroup, program, program_));
  program_ = std::move(program);
  rules_ = std::move(rules);
  return {};
}

}  // namespace agena::stage1
