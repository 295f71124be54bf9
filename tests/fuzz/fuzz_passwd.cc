// An image's /etc/passwd and /etc/group: entries have names without separators, and no more than there are
// lines.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/sys/passwd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  const auto users = agena::sys::parse_passwd(text);
  const auto groups = agena::sys::parse_group(text);
  if (users.size() > lines || groups.size() > lines) std::abort();
  const auto bad_name = [](const auto& entry) {
    return entry.name.empty() || entry.name.find_first_of(":\n") != std::string::npos;
  };
  if (std::ranges::any_of(users, bad_name) || std::ranges::any_of(groups, bad_name)) std::abort();
  for (const auto& group : groups)
    if (std::ranges::find(group.members, std::string()) != group.members.end()) std::abort();
  return 0;
}
