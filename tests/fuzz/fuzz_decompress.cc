// Compressed streams: the decompressors come to an end within their limits, and the two inflaters agree on
// what is a sound stream and what is in it.
#include <cstddef>
#include <cstdint>
#include <string>

#include "stage0/unpack/compression.h"
#include "stage0/unpack/decompressor.h"
#include "tests/fuzz/check.h"

namespace {

using namespace agena::stage0;  // NOLINT(google-build-using-namespace): a small program about this namespace

constexpr std::uint64_t kMaxOutput = 4U << 20U;
constexpr DecompressionLimits kLimits{.max_bytes = kMaxOutput};

agena::Result<std::string> drain(ByteSource& source) {
  std::string out;
  std::string buffer(10'000, '\0');
  while (true) {
    const std::size_t n = TRY(source.read(buffer));
    if (n == 0) return out;
    out.append(buffer, 0, n);
    FUZZ_CHECK(out.size() <= kMaxOutput);
  }
}

agena::Result<std::string> inflate(const std::string& bytes, InflateEngine engine) {
  StringSource source(bytes);
  const auto content = make_gzip_source(CompressedInput(source), kLimits, engine);
  return drain(*content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(agena::fuzz::text_of(data, size));
  StringSource source(bytes);
  const auto opened = open_decompressor(source, std::nullopt, kLimits);
  if (!opened) return 0;
  (void)drain(*opened->content);  // whether it is sound is up to the input
  if (opened->compression != Compression::kGzip || !isal_available()) return 0;
  const auto by_zlib = inflate(bytes, InflateEngine::kZlib);
  const auto by_isal = inflate(bytes, InflateEngine::kIsal);
  FUZZ_CHECK(by_zlib.has_value() == by_isal.has_value());
  FUZZ_CHECK(!by_zlib || *by_zlib == *by_isal);
  return 0;
}
