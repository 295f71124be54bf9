// Results on stdout, checked: a full disk or a closed pipe behind it is an error, not silence.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace agena::stage0 {

// Writes the whole text to stdout.
Result<> print(std::string_view text);

template <class... Args>
Result<> print_line(fmt::format_string<Args...> format, Args&&... args) {
  return print(fmt::format(format, std::forward<Args>(args)...) + "\n");
}

}  // namespace agena::stage0
