// Paths, queries and forms that reach the metadata service: never a crash, and what is understood is
// understood again from its own plain form.
#include "stage0/metadata/request_path.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage0;
  const std::string_view text = agena::fuzz::text_of(data, size);
  if (const auto path = parse_metadata_path(text)) {
    FUZZ_CHECK(is_token(path->token));
    const auto again = parse_metadata_path(metadata_path(*path));
    FUZZ_CHECK(again && *again == *path);
  }
  if (const auto path = parse_registration_path(text))
    FUZZ_CHECK(parse_registration_path("/pods/" + path->uuid.str() +
                                       (path->app.empty() ? "" : "/" + path->app)) == *path);
  if (const auto decoded = percent_decode(text)) {
    FUZZ_CHECK(decoded->size() <= size);
    FUZZ_CHECK(percent_decode(percent_encoded(*decoded)).value() == *decoded);
  }
  if (const auto form = parse_form(text)) {
    FUZZ_CHECK(form->size() <= 64);
    std::string plain;
    for (const auto& [name, value] : *form)
      plain += (plain.empty() ? "" : "&") + percent_encoded(name) + "=" + percent_encoded(value);
    // The empty text has no field, not one without a name.
    FUZZ_CHECK(plain.empty() || parse_form(plain).value() == *form);
  }
  return 0;
}
