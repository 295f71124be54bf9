// Our reader of JSON agrees with nlohmann's own about every text within our limits, and what it reads writes
// back to an equal value.
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena;
  using json_text::Json;
  const std::string_view text = fuzz::text_of(data, size);
  const auto ours = json_text::parse(text);
  const Json theirs = Json::parse(text, nullptr, false);
  if (!ours) {
    const std::string& why = ours.error().message();
    const bool stricter = why.find("duplicate key") != std::string::npos ||
                          why.find("nested deeper") != std::string::npos ||
                          why.find("not UTF-8") != std::string::npos;
    FUZZ_CHECK(theirs.is_discarded() || stricter);
    FUZZ_CHECK(is_utf8(why));
    return 0;
  }
  FUZZ_CHECK(*ours == theirs);
  for (const auto& written : {json_text::dump(*ours), json_text::dump_pretty(*ours)}) {
    FUZZ_CHECK(written);
    const auto again = json_text::parse(*written);
    FUZZ_CHECK(again);
    FUZZ_CHECK(*again == *ours);
  }
  return 0;
}
