#include "manifests/schema/quantity.h"

#include <algorithm>
#include <array>
#include <limits>

#include "common/base/strings.h"

namespace agena::schema {
namespace {

// Holds any quantity in nanos: (2^63-1) * 10^9 needs 93 bits.
__extension__ using Wide = __int128;

constexpr std::int64_t kNano = 1'000'000'000;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr Wide kMaxNanos = Wide{kMax} * kNano;
// Longest accepted text; the longest sensible one has about 30 characters.
constexpr std::size_t kMaxText = 128;
// Exponents beyond this overflow or vanish whatever the digits are (kMaxText bounds those).
constexpr std::int64_t kMaxExponent = 1000;

struct Suffix {
  std::string_view name;
  Quantity::Format format;
  int power;  // of 10, or of 2 for kBinarySi
};
constexpr std::array kSuffixes = {
    Suffix{"n", Quantity::Format::kDecimalSi, -9}, Suffix{"u", Quantity::Format::kDecimalSi, -6},
    Suffix{"m", Quantity::Format::kDecimalSi, -3}, Suffix{"", Quantity::Format::kDecimalSi, 0},
    Suffix{"k", Quantity::Format::kDecimalSi, 3},  Suffix{"M", Quantity::Format::kDecimalSi, 6},
    Suffix{"G", Quantity::Format::kDecimalSi, 9},  Suffix{"T", Quantity::Format::kDecimalSi, 12},
    Suffix{"P", Quantity::Format::kDecimalSi, 15}, Suffix{"E", Quantity::Format::kDecimalSi, 18},
    Suffix{"Ki", Quantity::Format::kBinarySi, 10}, Suffix{"Mi", Quantity::Format::kBinarySi, 20},
    Suffix{"Gi", Quantity::Format::kBinarySi, 30}, Suffix{"Ti", Quantity::Format::kBinarySi, 40},
    Suffix{"Pi", Quantity::Format::kBinarySi, 50}, Suffix{"Ei", Quantity::Format::kBinarySi, 60},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The parts of a text: digits without a point, how many of them are behind it, and the suffix.
struct Parts {
  bool negative = false;
  std::string digits;
  std::int64_t fraction_digits = 0;
  std::string_view suffix;
};

bool read_parts(std::string_view text, Parts& parts) {
  if (text.starts_with('-') || text.starts_with('+')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool point = false;
  while (!text.empty() && (is_digit(text[0]) || (text[0] == '.' && !point))) {
    if (text[0] == '.')
      point = true;
    else
      parts.digits += text[0];
    if (point && text[0] != '.') ++parts.fraction_digits;
    text.remove_prefix(1);
  }
  parts.suffix = text;
  return !parts.digits.empty();
}

// The suffix's meaning; false if there is none.
bool read_suffix(std::string_view text, Suffix& suffix) {
  if (const auto* row = std::ranges::find(kSuffixes, text, &Suffix::name); row != kSuffixes.end()) {
    suffix = *row;
    return true;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  std::string_view exponent = text.substr(1);
  if (exponent.starts_with('+') && exponent.size() > 1 && is_digit(exponent[1])) exponent.remove_prefix(1);
  const auto power = parse_int(exponent, -kMaxExponent, kMaxExponent);
  if (!power) return false;
  suffix = {text, Quantity::Format::kDecimalExponent, static_cast<int>(*power)};
  return true;
}

// The decimal digits times 2^power, power at most 60: schoolbook, least digit first; the carry stays below
// 2^60 and a step below 10 * 2^60, which fits.
void multiply_by_power_of_two(std::string& digits, int power) {
  std::uint64_t carry = 0;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it) {
    carry += static_cast<std::uint64_t>(*it - '0') << static_cast<unsigned>(power);
    *it = static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  if (carry != 0) digits.insert(0, std::to_string(carry));
}

// The integer that digits * 10^power is, rounded up; false if it is above kMaxNanos.
bool scale(std::string digits, std::int64_t power, Wide& nanos) {
  bool rounded = false;
  for (; power < 0 && !digits.empty(); ++power) {
    rounded = rounded || digits.back() != '0';
    digits.pop_back();
  }
  digits.erase(0, digits.find_first_not_of('0'));
  nanos = 0;
  for (const char digit : digits) {
    nanos = nanos * 10 + (digit - '0');
    if (nanos > kMaxNanos) return false;
  }
  for (; power > 0 && nanos != 0; --power) {
    nanos *= 10;
    if (nanos > kMaxNanos) return false;
  }
  if (rounded) ++nanos;
  return nanos <= kMaxNanos;
}

std::string wide_text(Wide number) {
  std::string text;
  const bool negative = number < 0;
  do {
    const int digit = static_cast<int>(number % 10);
    text += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    number /= 10;
  } while (number != 0);
  if (negative) text += '-';
  std::ranges::reverse(text);
  return text;
}

// The number over the largest step (1000 or 1024) that divides it, with the suffix of that power.
std::string canonical(Wide number, Quantity::Format format, int step, int power, int power_step) {
  while (number != 0 && number % step == 0) {
    number /= step;
    power += power_step;
  }
  if (format == Quantity::Format::kDecimalExponent && power != 0)
    return fmt::format("{}e{}", wide_text(number), power);
  const Quantity::Format table = power == 0 ? Quantity::Format::kDecimalSi : format;
  const auto* row = std::ranges::find_if(
      kSuffixes, [&](const Suffix& suffix) { return suffix.format == table && suffix.power == power; });
  return wide_text(number) + std::string(row->name);
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  Parts parts;
  Suffix suffix{};
  if (text.size() > kMaxText || !read_parts(text, parts) || !read_suffix(parts.suffix, suffix))
    return fail(ErrorKind::kInvalidInput,
                "expected a quantity (a number with a suffix such as m, k, M, G, Ki, Mi, Gi, e3), found '{}'",
                printable(text.substr(0, kMaxText)));
  constexpr std::int64_t kNanoPower = 9;
  std::int64_t power = kNanoPower - parts.fraction_digits;
  if (suffix.format == Format::kBinarySi)
    multiply_by_power_of_two(parts.digits, suffix.power);
  else
    power += suffix.power;
  Wide nanos = 0;
  if (!scale(std::move(parts.digits), power, nanos))
    return fail(ErrorKind::kInvalidInput, "quantity '{}' is out of range (at most {})", text, kMax);
  if (parts.negative) nanos = -nanos;
  return Quantity(static_cast<std::int64_t>(nanos / kNano), static_cast<std::int32_t>(nanos % kNano),
                  suffix.format);
}

Quantity Quantity::of(std::int64_t value, Format format) {
  // -2^63 is the one value outside the range; its neighbour stands for it, as Kubernetes caps.
  return {std::max(value, -kMax), 0, format};
}

Quantity Quantity::of_milli(std::int64_t thousandths) {
  constexpr std::int64_t kMilli = 1000;
  return {thousandths / kMilli, static_cast<std::int32_t>(thousandths % kMilli * (kNano / kMilli)),
          Format::kDecimalSi};
}

std::int64_t Quantity::value() const { return units_ + (nanos_ > 0 ? 1 : 0) - (nanos_ < 0 ? 1 : 0); }

Result<std::int64_t> Quantity::milli_value() const {
  constexpr std::int64_t kMilli = 1000;
  constexpr std::int32_t kNanosInMilli = 1'000'000;
  const std::int32_t cut = nanos_ / kNanosInMilli;
  const std::int32_t rest = nanos_ % kNanosInMilli;
  const Wide thousandths = Wide{units_} * kMilli + cut + (rest > 0 ? 1 : 0) - (rest < 0 ? 1 : 0);
  if (thousandths > kMax || thousandths < -kMax)
    return fail(ErrorKind::kInvalidInput, "quantity '{}' is too large to be counted in thousandths", str());
  return static_cast<std::int64_t>(thousandths);
}

int Quantity::sign() const {
  const std::int64_t part = units_ != 0 ? units_ : nanos_;
  return (part > 0 ? 1 : 0) - (part < 0 ? 1 : 0);
}

std::string Quantity::str() const {
  constexpr std::int64_t kBinaryStep = 1024;
  constexpr int kNanoPower = -9;
  if (sign() == 0) return "0";
  // Kubernetes' rule: small numbers and fractions read better with decimal suffixes.
  const bool binary =
      format_ == Format::kBinarySi && nanos_ == 0 && (units_ >= kBinaryStep || units_ <= -kBinaryStep);
  if (binary) return canonical(units_, Format::kBinarySi, kBinaryStep, 0, 10);
  const Format format = format_ == Format::kBinarySi ? Format::kDecimalSi : format_;
  return canonical(Wide{units_} * kNano + nanos_, format, 1000, kNanoPower, 3);
}

std::strong_ordering Quantity::compare(const Quantity& a, const Quantity& b) {
  if (auto order = a.units_ <=> b.units_; order != 0) return order;
  return a.nanos_ <=> b.nanos_;
}

}  // namespace agena::schema
