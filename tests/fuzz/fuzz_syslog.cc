// Messages of /dev/log: the parts lie within the bytes, and the line has no control characters but tabs.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stage1/iohub/syslog.h"

namespace {

bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = agena::stage1::parse_syslog(bytes);
  if (!within(message.tag, bytes) || !within(message.text, bytes)) std::abort();
  if (message.severity < 0 || message.severity > 7 || message.facility < 0 || message.facility > 23)
    std::abort();
  for (const char c : agena::stage1::syslog_line(message))
    if (static_cast<unsigned char>(c) < ' ' && c != '\t') std::abort();
  return 0;
}
