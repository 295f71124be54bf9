// What parses as an isolator writes back and parses to an equal one; a typed value makes an isolator again.
#include "manifests/isolators/isolators.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena;
  const auto isolator = isolators::parse_isolator(fuzz::text_of(data, size));
  if (!isolator) return 0;
  const auto text = isolators::write_isolator(*isolator);
  FUZZ_CHECK(text);
  const auto again = isolators::parse_isolator(*text);
  FUZZ_CHECK(again);
  FUZZ_CHECK(*again == *isolator);
  FUZZ_CHECK(isolators::kind_of(isolator->name.str()) == isolator->kind);
  const bool unknown = isolator->kind == schema::IsolatorKind::kUnknown;
  FUZZ_CHECK(unknown == std::holds_alternative<std::monostate>(isolator->value));
  if (unknown) return 0;
  // Quantities may change their notation once, then no more.
  const auto made = isolators::make_isolator(isolator->kind, isolator->value);
  FUZZ_CHECK(made);
  FUZZ_CHECK(made->value.index() == isolator->value.index());
  const auto made_again = isolators::make_isolator(made->kind, made->value);
  FUZZ_CHECK(made_again);
  FUZZ_CHECK(*made_again == *made);
  return 0;
}
