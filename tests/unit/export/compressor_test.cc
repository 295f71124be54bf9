// What is compressed is the same after decompressing, and compressed the same each time.
#include "stage0/export/compressor.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

// Gives its bytes in pieces of odd sizes.
class PiecewiseSource : public ByteSource {
 public:
  PiecewiseSource(std::string bytes, std::size_t piece) : bytes_(std::move(bytes)), piece_(piece) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t n = std::min({buffer.size(), piece_, bytes_.size() - at_});
    bytes_.copy(buffer.data(), n, at_);
    at_ += n;
    return n;
  }

 private:
  std::string bytes_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

std::string mixed_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  unsigned state = 1;
  for (std::size_t i = 0; i < size; ++i) {
    state = (state * 1664525U) + 1013904223U;
    bytes[i] = static_cast<char>(i % 7000 < 3000 ? state >> 24U : i >> 10U);
  }
  return bytes;
}

Result<std::string> compressed(const std::string& bytes, Compression compression, std::size_t piece) {
  const auto source = TRY(open_compressor(std::make_unique<PiecewiseSource>(bytes, piece), compression));
  return read_to_end(*source, SIZE_MAX / 2);
}

class Compressors : public ::testing::TestWithParam<Compression> {};

TEST_P(Compressors, GiveBackWhatWentIn) {
  for (const std::size_t size : {0UL, 1UL, 65'536UL, 3'000'001UL}) {
    const std::string bytes = mixed_bytes(size);
    const std::string once = ASSERT_VALUE(compressed(bytes, GetParam(), 100'000));
    StringSource source(once);
    const auto opened = ASSERT_VALUE(open_decompressor(source, GetParam()));
    EXPECT_EQ(ASSERT_VALUE(read_to_end(*opened.content, size + 1)), bytes) << size;
  }
}

TEST_P(Compressors, DependOnTheBytesAlone) {
  const std::string bytes = mixed_bytes(1'000'000);
  const std::string once = ASSERT_VALUE(compressed(bytes, GetParam(), SIZE_MAX));
  EXPECT_EQ(ASSERT_VALUE(compressed(bytes, GetParam(), SIZE_MAX)), once);
  EXPECT_EQ(ASSERT_VALUE(compressed(bytes, GetParam(), 997)), once);
}

INSTANTIATE_TEST_SUITE_P(All, Compressors,
                         ::testing::Values(Compression::kNone, Compression::kGzip, Compression::kZstd),
                         [](const auto& one) { return std::string(to_string(one.param)); });

TEST(Compressor, HasNoTimeInItsHeader) {
  const std::string bytes = ASSERT_VALUE(compressed("x", Compression::kGzip, 1));
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
}

TEST(Compressor, OthersAreRefused) {
  EXPECT_EQ(open_compressor(std::make_unique<StringSource>(""), Compression::kXz).error().kind(),
            ErrorKind::kUnsupported);
}

// A source that fails fails what is made of it.
class BrokenSource : public ByteSource {
 public:
  Result<std::size_t> read(std::span<char>) override { return fail(ErrorKind::kVerification, "broken"); }
};

TEST(Compressor, ErrorsPass) {
  for (const Compression compression : {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
    const auto source = ASSERT_VALUE(open_compressor(std::make_unique<BrokenSource>(), compression));
    std::array<char, 100> buffer{};
    EXPECT_EQ(source->read(buffer).error().kind(), ErrorKind::kVerification);
  }
}

}  // namespace
}  // namespace agena::stage0
