// Orders to the supervisor of a mutable pod and its answers: what parses reads back from its own rendering.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stage1/apps/order_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage1;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto order = parse_order(text)) {
    const auto again = parse_order(render_order(*order));
    if (!again || again->kind != order->kind || again->grace != order->grace) std::abort();
  }
  if (const auto answer = parse_order_answer(text))
    if (!parse_order_answer(render_order_answer(*answer))) std::abort();
  return 0;
}
