// Results of CNI plugins: in the shape of each version, a result reads back as what it was, as far as the
// shape holds it.
#include "stage1/net/cni_result.h"

#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage1;
  for (const char* asked : {"0.2.0", "1.0.0"}) {
    auto result = parse_cni_result(agena::fuzz::text_of(data, size), asked);
    if (!result) continue;
    const auto own = render_cni_result(*result, result->version);
    FUZZ_CHECK(own && *own == result->text);
    result->text.clear();
    for (const char* version : {"0.3.1", "0.4.0", "1.0.0"}) {
      const auto text = render_cni_result(*result, version);
      FUZZ_CHECK(text);
      const auto again = parse_cni_result(*text, version);
      FUZZ_CHECK(again && again->interfaces == result->interfaces && again->ips == result->ips &&
                 again->routes == result->routes && again->dns == result->dns);
    }
    const auto old = render_cni_result(*result, "0.1.0");
    FUZZ_CHECK(old && parse_cni_result(*old, "0.1.0"));
  }
  return 0;
}
