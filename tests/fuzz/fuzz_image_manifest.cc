// What parses as an image manifest is valid, writes back, and parses to an equal value, in both layouts.
#include "manifests/codec/image_manifest.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena;
  const auto manifest = codec::parse_image_manifest(fuzz::text_of(data, size));
  if (!manifest) return 0;
  for (const auto style : {codec::TextStyle::kCompact, codec::TextStyle::kPretty}) {
    const auto text = codec::write_image_manifest(*manifest, style);
    FUZZ_CHECK(text);
    const auto again = codec::parse_image_manifest(*text);
    FUZZ_CHECK(again);
    FUZZ_CHECK(*again == *manifest);
    FUZZ_CHECK(codec::write_image_manifest(*again, style) == *text);
  }
  FUZZ_CHECK(codec::validate_image_manifest(*manifest));
  (void)codec::check_platform(manifest->labels);  // must not crash; its verdict is free
  return 0;
}
