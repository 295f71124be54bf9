// Launch plans: what parses can be written, and reads back as the same plan.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/stage2/launch_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage2;
  const auto plan = parse_launch_plan(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!plan) return 0;
  const auto text = render_launch_plan(*plan);
  if (!text) std::abort();
  const auto again = parse_launch_plan(*text);
  if (!again || *again != *plan) std::abort();
  return 0;
}
