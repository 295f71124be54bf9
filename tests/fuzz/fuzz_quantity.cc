// Canonical texts are the same number and stay as they are; rounding, signs and zeros behave as in
// arithmetic.
#include <string>

#include "manifests/schema/quantity.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using agena::schema::Quantity;
  const std::string text(agena::fuzz::text_of(data, size));
  const auto quantity = Quantity::parse(text);
  if (!quantity) return 0;
  const auto same = [&](const std::string& other) {
    const auto parsed = Quantity::parse(other);
    return parsed && Quantity::compare(*parsed, *quantity) == 0;
  };
  FUZZ_CHECK(same(quantity->str()));
  FUZZ_CHECK(Quantity::parse(quantity->str())->str() == quantity->str());

  const bool has_sign = text[0] == '-' || text[0] == '+';
  const std::string bare = has_sign ? text.substr(1) : text;
  const auto negated = Quantity::parse((text[0] == '-' ? "" : "-") + bare);
  if (text.size() < 128) {
    FUZZ_CHECK(negated);
    FUZZ_CHECK(negated->value() == -quantity->value() && negated->sign() == -quantity->sign());
    FUZZ_CHECK(same((text[0] == '-' ? "-0" : "0") + bare) || has_sign == false);
  }
  // Rounded away from zero: at least as far as the thousandths, less than one unit further.
  FUZZ_CHECK((quantity->value() > 0) == (quantity->sign() > 0) &&
             (quantity->value() < 0) == (quantity->sign() < 0));
  if (const auto thousandths = quantity->milli_value()) {
    const std::int64_t whole =
        *thousandths / 1000 + (*thousandths % 1000 > 0 ? 1 : 0) - (*thousandths % 1000 < 0 ? 1 : 0);
    FUZZ_CHECK(whole == quantity->value());
  }
  return 0;
}
