// Sets of system calls ("MODE ERRNO NAME NAME …", separated by spaces): what is accepted compiles to a filter
// whose jumps stay inside of it and which ends on every way.
#include <linux/filter.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "common/base/strings.h"
#include "common/seccomp/policy.h"

namespace {

void check(const std::string& bytes) {
  if (bytes.empty() || bytes.size() % sizeof(sock_filter) != 0) std::abort();
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  if (program.size() > BPF_MAXINSNS || BPF_CLASS(program.back().code) != BPF_RET) std::abort();
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& line = program[at];
    if (BPF_CLASS(line.code) != BPF_JMP) continue;
    const std::size_t furthest = line.code == (BPF_JMP | BPF_JA) ? line.k : std::max(line.jt, line.jf);
    if (at + 1 + furthest >= program.size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::seccomp;
  auto words = agena::split(std::string_view(reinterpret_cast<const char*>(data), size), ' ');
  if (words.size() < 3) return 0;
  const CallSet set{.mode = words[0] == "retain" ? Mode::kRetain : Mode::kRemove,
                    .names = {words.begin() + 2, words.end()},
                    .errno_name = words[1]};
  for (const std::uint64_t capabilities : {std::uint64_t{0}, UINT64_MAX}) {
    const auto filter = filter_for(set, capabilities);
    if (!filter || !*filter) continue;
    const auto bytes = compile(**filter);
    if (!bytes) std::abort();
    check(*bytes);
  }
  return 0;
}
