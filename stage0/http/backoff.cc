#include "stage0/http/backoff.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  // "Sun, 06 Nov 1994 08:49:37 GMT"; the weekday says nothing new.
  const std::vector<std::string> words = split(trim(text), ' ');
  if (words.size() != 6 || !words[0].ends_with(',') || words[5] != "GMT") return std::nullopt;
  const std::vector<std::string> clock = split(words[4], ':');
  const auto month = std::ranges::find(kMonths, words[2]);
  if (clock.size() != 3 || month == kMonths.end()) return std::nullopt;
  const auto day = parse_uint(words[1], 31);
  const auto year = parse_uint(words[3], 9999);
  const auto hour = parse_uint(clock[0], 23);
  const auto minute = parse_uint(clock[1], 59);
  const auto second = parse_uint(clock[2], 60);
  if (!day || *day == 0 || !year || *year < 1970 || !hour || !minute || !second) return std::nullopt;
  std::tm parts{};
  parts.tm_mday = static_cast<int>(*day);
  parts.tm_mon = static_cast<int>(month - kMonths.begin());
  parts.tm_year = static_cast<int>(*year) - 1900;
  parts.tm_hour = static_cast<int>(*hour);
  parts.tm_min = static_cast<int>(*minute);
  parts.tm_sec = static_cast<int>(*second);
  return ::timegm(&parts);
}

std::optional<Nanoseconds> parse_retry_after(std::string_view text, Nanoseconds now) {
  text = trim(text);
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto seconds = parse_uint(text);
    if (!seconds || *seconds > static_cast<std::uint64_t>(kLongestWait / kSecond)) return kLongestWait;
    return static_cast<Nanoseconds>(*seconds) * kSecond;
  }
  const auto date = parse_http_date(text);
  if (!date) return std::nullopt;
  const std::int64_t seconds = std::clamp<std::int64_t>(*date - now / kSecond, 0, kLongestWait / kSecond);
  return seconds * kSecond;
}

Nanoseconds backoff_delay(unsigned n, std::uint64_t random) {
  constexpr Nanoseconds kFirst = kSecond / 2;
  constexpr Nanoseconds kLast = 30 * kSecond;
  const Nanoseconds whole = n > 7 ? kLast : std::min(kFirst << (n == 0 ? 0 : n - 1), kLast);
  const auto half = static_cast<std::uint64_t>(whole / 2);
  return static_cast<Nanoseconds>(half + random % (half + 1));
}

bool is_passing_status(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace agena::stage0
