#include "common/base/uuid.h"

#include <sys/random.h>

#include <array>

#include "common/base/strings.h"

namespace agena {
namespace {

constexpr std::size_t kLength = 36;
bool is_dash_place(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

Result<Uuid> Uuid::parse(std::string_view text) {
  std::string lower = to_lower(text);
  bool good = lower.size() == kLength;
  for (std::size_t i = 0; good && i < kLength; ++i)
    good = is_dash_place(i) ? lower[i] == '-' : is_lower_hex(std::string_view(lower).substr(i, 1));
  if (!good) return fail(ErrorKind::kInvalidInput, "'{}' is not a UUID", printable(text));
  return Uuid(std::move(lower));
}

Result<Uuid> Uuid::random() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return sys_fail("reading random bytes for a UUID");
  // RFC 9562 section 5.4: version 4, variant 10.
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  std::string text;
  for (const unsigned char byte : bytes) {
    if (is_dash_place(text.size())) text += '-';
    text += fmt::format("{:02x}", byte);
  }
  return Uuid(std::move(text));
}

std::string Uuid::without_dashes() const {
  std::string bare;
  for (const char c : text_)
    if (c != '-') bare += c;
  return bare;
}

}  // namespace agena
