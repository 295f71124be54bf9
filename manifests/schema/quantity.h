// Quantities of resources in the notation of Kubernetes: "100m", "1.5Gi", "12e6".
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::schema {

// A number from -(2^63-1) to 2^63-1 in steps of 10^-9, kept exactly, and the notation that it was written in.
// Finer digits are rounded away from zero, as Kubernetes does it.
class Quantity {
 public:
  enum class Format { kDecimalSi, kBinarySi, kDecimalExponent };

  // A signed decimal number with a suffix: n u m (none) k M G T P E, Ki Mi Gi Ti Pi Ei, or e<n>/E<n>.
  static Result<Quantity> parse(std::string_view text);
  // A whole number.
  static Quantity of(std::int64_t value, Format format = Format::kDecimalSi);
  // Thousandths: of_milli(1500) is "1500m".
  static Quantity of_milli(std::int64_t thousandths);

  // The number, rounded away from zero (a limit of "1500m" bytes is 2). Every quantity fits.
  std::int64_t value() const;
  // Thousandths, rounded away from zero; an error if they do not fit.
  Result<std::int64_t> milli_value() const;
  // -1, 0 or 1.
  int sign() const;
  Format format() const { return format_; }
  // Canonical text: no fraction, the largest suffix that loses nothing; the notation is kept where it can be.
  std::string str() const;

  // Equal in number and notation.
  bool operator==(const Quantity&) const = default;
  // Order by number alone.
  static std::strong_ordering compare(const Quantity& a, const Quantity& b);

 private:
  Quantity(std::int64_t units, std::int32_t nanos, Format format)
      : units_(units), nanos_(nanos), format_(format) {}
  std::int64_t units_;  // whole part
  std::int32_t nanos_;  // 10^-9 parts, of the same sign as units_
  Format format_;
};

}  // namespace agena::schema
