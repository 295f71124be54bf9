#include "common/base/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "common/base/strings.h"

namespace agena {
namespace {

Nanoseconds read_clock(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);  // cannot fail for these clocks with a valid address
  return t.tv_sec * kSecond + t.tv_nsec;
}

// Whole seconds before a time and the nanoseconds from there, which are never negative.
struct Split {
  std::time_t seconds;
  Nanoseconds rest;
};
Split split_time(Nanoseconds time) {
  const Nanoseconds rest = (time % kSecond + kSecond) % kSecond;
  return {(time - rest) / kSecond, rest};
}

std::string strftime_text(const char* format, const std::tm& tm) {
  std::array<char, 64> buffer{};
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), format, &tm)};
}

}  // namespace

Nanoseconds now() { return read_clock(CLOCK_REALTIME); }
Nanoseconds monotonic_now() { return read_clock(CLOCK_MONOTONIC); }

std::string rfc3339(Nanoseconds time) {
  const auto [seconds, rest] = split_time(time);
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  return fmt::format("{}.{:09}Z", strftime_text("%Y-%m-%dT%H:%M:%S", tm), rest);
}

std::string full_time(Nanoseconds time) {
  const auto [seconds, rest] = split_time(time);
  std::tm tm{};
  ::localtime_r(&seconds, &tm);
  std::string text = strftime_text("%Y-%m-%d %H:%M:%S", tm);
  // Go's ".999" shows milliseconds without trailing zeros, and nothing when they are zero.
  std::string millis = fmt::format(".{:03}", rest / 1'000'000);
  millis.erase(millis.find_last_not_of('0') + 1);
  if (millis != ".") text += millis;
  return text + strftime_text(" %z %Z", tm);
}

std::string humanised(Nanoseconds time, Nanoseconds now) {
  struct Unit {
    Nanoseconds below;  // used while the distance is smaller
    Nanoseconds unit;
    const char* name;
  };
  constexpr Nanoseconds kMinute = 60 * kSecond;
  constexpr Nanoseconds kHour = 60 * kMinute;
  constexpr Nanoseconds kDay = 24 * kHour;
  static constexpr std::array kUnits = {
      Unit{kMinute, kSecond, "second"},   Unit{kHour, kMinute, "minute"},
      Unit{kDay, kHour, "hour"},          Unit{7 * kDay, kDay, "day"},
      Unit{30 * kDay, 7 * kDay, "week"},  Unit{365 * kDay, 30 * kDay, "month"},
      Unit{INT64_MAX, 365 * kDay, "year"}};
  const Nanoseconds distance = now > time ? now - time : time - now;
  if (distance < kSecond) return "now";
  for (const Unit& unit : kUnits) {
    if (distance >= unit.below) continue;
    const auto count = distance / unit.unit;
    return fmt::format("{} {}{} {}", count, unit.name, count == 1 ? "" : "s",
                       now > time ? "ago" : "from now");
  }
  return "now";
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  // Both signs that look like mu: U+00B5 and U+03BC.
  static constexpr std::array kUnits = {Unit{"ns", 1},        Unit{"us", 1e3},  Unit{"\u00b5s", 1e3},
                                        Unit{"\u03bcs", 1e3}, Unit{"ms", 1e6},  Unit{"s", 1e9},
                                        Unit{"m", 60e9},      Unit{"h", 3600e9}};
  constexpr std::string_view kNumber = "0123456789.";
  constexpr double kMost = 9e18;  // below 2^63
  const auto bad = [&] {
    return fail(ErrorKind::kInvalidInput, "'{}' is not a duration (try 10s, 5m or 1h30m)", printable(text));
  };
  if (text.empty()) return bad();
  double total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view digits = rest.substr(0, rest.find_first_not_of(kNumber));
    rest.remove_prefix(digits.size());
    const std::string_view name = rest.substr(0, rest.find_first_of(kNumber));
    rest.remove_prefix(name.size());
    double number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || end != digits.data() + digits.size()) return bad();
    const bool bare = digits.size() == text.size();
    const auto* unit = std::ranges::find(kUnits, bare ? std::string_view("s") : name, &Unit::name);
    if (unit == kUnits.end()) return bad();
    total += number * unit->nanoseconds;
    if (total > kMost) return bad();
  }
  return std::llround(total);
}

}  // namespace agena
