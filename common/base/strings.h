// Small string work that the standard library of g++ 12 lacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena {

// Parts between separators; an empty text gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);
// The text before and after the first separator; the second is empty and found false if there is none.
struct Cut {
  std::string_view before;
  std::string_view after;
  bool found;
};
Cut cut(std::string_view text, char separator);
// The texts with the separator between them.
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);

// Decimal number in [min, max], nothing else around it: no sign but '-', no spaces.
Result<std::int64_t> parse_int(std::string_view text, std::int64_t min, std::int64_t max);
// Unsigned decimal number up to max.
Result<std::uint64_t> parse_uint(std::string_view text, std::uint64_t max = UINT64_MAX);

// Lower-case hex of bytes, and back (lower case only; any other character is an error).
std::string to_hex(std::string_view bytes);
Result<std::string> from_hex(std::string_view hex);
// Whether every character is 0-9 a-f and there is at least one.
bool is_lower_hex(std::string_view text);

// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view bytes);
// The longest start of a text that has at most max_bytes and does not end within a UTF-8 sequence.
std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes);
// The text as it may be shown on a terminal: control characters and bytes that are not UTF-8 become \xNN.
std::string printable(std::string_view bytes);
// The first of the candidates closest to the word, within two edits (one edit for words shorter than six
// characters), or empty: for "did you mean". A swap of neighbours counts as one edit.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace agena
