// Messages of the hub protocol, both directions: what parses reads back from its own rendering, within the
// limit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/stage2/hub_protocol.h"

namespace {

// Rendering may cut long texts, so it is the second reading that must hold still.
template <class Message>
void check(const Message& message, std::string (*render)(const Message&),
           agena::Result<Message> (*parse)(std::string_view)) {
  const std::string text = render(message);
  if (text.size() > agena::stage2::kMaxHubMessage) std::abort();
  const auto again = parse(text);
  if (!again || again->index() != message.index()) std::abort();
  if (text.size() < 500 && *again != message) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage2;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto request = parse_hub_request(bytes)) check(*request, render_hub_request, parse_hub_request);
  if (const auto reply = parse_hub_reply(bytes)) check(*reply, render_hub_reply, parse_hub_reply);
  return 0;
}
