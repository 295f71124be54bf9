#include "common/base/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
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

namespace {

// A number of exactly so many digits, taken off the text; -1 if there is none.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int number = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return number;
}

bool take_one_of(std::string_view& text, std::string_view characters) {
  if (text.empty() || !characters.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

// Two digits after one of the characters, at most `most`; -1 if they are not there.
int take_part(std::string_view& text, std::string_view before, int most) {
  if (!take_one_of(text, before)) return -1;
  const int number = take_digits(text, 2);
  return number <= most ? number : -1;
}

// Digits behind a '.', as nanoseconds; what is finer is dropped.
std::optional<Nanoseconds> take_fraction(std::string_view& text) {
  if (!take_one_of(text, ".")) return 0;
  Nanoseconds fraction = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
    if (digits++ < 9) fraction = fraction * 10 + (text.front() - '0');
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) fraction *= 10;
  return fraction;
}

// Seconds that the zone is ahead of UTC.
std::optional<Nanoseconds> take_zone(std::string_view& text) {
  if (take_one_of(text, "Zz")) return 0;
  const bool west = !text.empty() && text.front() == '-';
  const int hours = take_part(text, "+-", 23);
  const int minutes = take_part(text, ":", 59);
  if (hours < 0 || minutes < 0) return std::nullopt;
  return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

}  // namespace

std::optional<Nanoseconds> parse_rfc3339(std::string_view text) {
  namespace chrono = std::chrono;
  const int year = take_digits(text, 4);
  const int month = take_part(text, "-", 12);
  const int day = take_part(text, "-", 31);
  const int hour = take_part(text, "Tt ", 23);
  const int minute = take_part(text, ":", 59);
  const int second = take_part(text, ":", 60);  // 60: a leap second
  if (year < 1970 || year > 2261 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0)
    return std::nullopt;
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  const auto fraction = take_fraction(text);
  const auto zone = fraction ? take_zone(text) : std::nullopt;
  if (!date.ok() || !zone || !text.empty()) return std::nullopt;
  const Nanoseconds days = chrono::sys_days(date).time_since_epoch().count();
  return (days * 86'400 + hour * 3600 + minute * 60 + second - *zone) * kSecond + *fraction;
}

namespace {

// In the local zone, with that many digits of the fraction at most: Go's ".999" shows them without trailing
// zeros, and nothing when they are zero.
std::string local_time(Nanoseconds time, std::size_t digits) {
  const auto [seconds, rest] = split_time(time);
  std::tm tm{};
  ::localtime_r(&seconds, &tm);
  std::string text = strftime_text("%Y-%m-%d %H:%M:%S", tm);
  std::string fraction = fmt::format(".{:09}", rest).substr(0, 1 + digits);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (fraction != ".") text += fraction;
  return text + strftime_text(" %z %Z", tm);
}

}  // namespace

std::string full_time(Nanoseconds time) { return local_time(time, 3); }

std::string exact_time(Nanoseconds time) { return local_time(time, 9); }

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
