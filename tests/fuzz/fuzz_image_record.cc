// Our own files in the store, as a damaged disk may give them back.
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage0;
  const std::string_view text = agena::fuzz::text_of(data, size);
  if (const auto record = image_record_from_json(text)) {
    FUZZ_CHECK(is_image_id(record->id));
    const auto written = image_record_to_json(*record);
    FUZZ_CHECK(written);
    const auto again = image_record_from_json(*written);
    FUZZ_CHECK(again && *again == *record);
  }
  if (const auto meta = layer_meta_from_json(text)) {
    const auto written = layer_meta_to_json(*meta);
    FUZZ_CHECK(written);
    const auto again = layer_meta_from_json(*written);
    FUZZ_CHECK(again && *again == *meta);
  }
  return 0;
}
