// Messages of attach, both directions: what parses reads back from its own rendering.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stage1/iohub/attach_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage1;
  const auto message = read_attach_message({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  if (attach_message(message->kind, message->data).size() != size) std::abort();
  if (const auto streams = parse_attach_streams(message->data)) {
    const auto again = parse_attach_streams(render_attach_streams(*streams));
    if (!again || again->streams != streams->streams) std::abort();
  }
  if (const auto window = parse_attach_window(message->data))
    if (render_attach_window(*window) != message->data) std::abort();
  (void)parse_attach_signal(message->data);
  return 0;
}
