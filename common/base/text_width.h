// How wide a text is on a terminal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace agena {

// Columns that a text takes on a terminal, one for each code point, as tabwriter counts.
inline std::size_t text_width(std::string_view text) {
  // Every byte but UTF-8's continuation bytes begins a code point.
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

}  // namespace agena
