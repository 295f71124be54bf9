#include "stage0/unpack/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <random>

#include "stage0/unpack/decompressor.h"
#include "tests/support/compress.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using agena::testing::bzip2;
using agena::testing::error_of;
using agena::testing::gzip;
using agena::testing::xz;
using agena::testing::zstd;
using ::testing::HasSubstr;

// Text that compresses about threefold, or noise.
std::string sample(std::size_t size, unsigned seed, bool noise = false) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    if (noise) {
      text.push_back(static_cast<char>(random()));
    } else {
      text += std::to_string(random() % 5000) + (random() % 7 == 0 ? "\n" : " and then ");
    }
  }
  text.resize(size);
  return text;
}

// A source that gives at most `step` bytes a read.
class Trickle : public ByteSource {
 public:
  Trickle(std::string content, std::size_t step) : inner_(std::move(content)), step_(step) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    return inner_.read(buffer.first(std::min(buffer.size(), step_)));
  }

 private:
  StringSource inner_;
  std::size_t step_;
};

Result<std::string> drain(ByteSource& source, std::size_t step) {
  std::string out;
  std::vector<char> buffer(step);
  while (true) {
    const std::size_t n = TRY(source.read(buffer));
    if (n == 0) return out;
    out.append(buffer.data(), n);
  }
}

struct Format {
  const char* name;
  Compression compression;
  std::function<std::string(std::string_view)> make;
  std::function<std::unique_ptr<ByteSource>(CompressedInput, const DecompressionLimits&)> open;
};

std::unique_ptr<ByteSource> open_zlib(CompressedInput input, const DecompressionLimits& limits) {
  return make_gzip_source(std::move(input), limits, InflateEngine::kZlib);
}
std::unique_ptr<ByteSource> open_isal(CompressedInput input, const DecompressionLimits& limits) {
  return make_gzip_source(std::move(input), limits, InflateEngine::kIsal);
}

const std::array kFormats = {
    Format{"zlib", Compression::kGzip, [](std::string_view s) { return gzip(s); }, open_zlib},
    Format{"isal", Compression::kGzip, [](std::string_view s) { return gzip(s); }, open_isal},
    Format{"bzip2", Compression::kBzip2, [](std::string_view s) { return bzip2(s); }, make_bzip2_source},
    Format{"xz", Compression::kXz, [](std::string_view s) { return xz(s); }, make_xz_source},
    Format{"zstd", Compression::kZstd, [](std::string_view s) { return zstd(s); }, make_zstd_source},
};

class EveryFormat : public ::testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam().name) == "isal" && !isal_available())
      GTEST_SKIP() << "ISA-L is not installed here";
  }
  static Result<std::string> read(std::string compressed, std::size_t in_step = 1U << 20U,
                                  std::size_t out_step = 1U << 16U, const DecompressionLimits& limits = {}) {
    Trickle source(std::move(compressed), in_step);
    const auto content = GetParam().open(CompressedInput(source), limits);
    return drain(*content, out_step);
  }
  static std::string make(std::string_view content) { return GetParam().make(content); }
};

INSTANTIATE_TEST_SUITE_P(All, EveryFormat, ::testing::ValuesIn(kFormats),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(EveryFormat, RoundTripsAtAnyPace) {
  for (const bool noise : {false, true}) {
    for (const std::size_t size : {0UL, 1UL, 1000UL, 300'000UL}) {
      const std::string content = sample(size, 1, noise);
      const std::string compressed = make(content);
      for (const std::size_t in_step : {1UL, 17UL, 100'000UL}) {
        for (const std::size_t out_step : {1UL, 333UL, 262'144UL}) {
          if (in_step * out_step * 1000 < size) continue;
          EXPECT_EQ(ASSERT_VALUE(read(compressed, in_step, out_step)), content) << size << "/" << in_step;
        }
      }
    }
  }
}

TEST_P(EveryFormat, StreamsMayFollowEachOther) {
  const std::string a = sample(70'000, 2);
  const std::string b = sample(5, 3);
  EXPECT_EQ(ASSERT_VALUE(read(make(a) + make("") + make(b), 1000)), a + b);
}

TEST_P(EveryFormat, EveryCutIsAnError) {
  const std::string compressed = make(sample(3000, 4));
  for (std::size_t size = 1; size < compressed.size(); ++size) {
    const auto content = read(compressed.substr(0, size));
    ASSERT_FALSE(content) << size;
    EXPECT_EQ(content.error().kind(), ErrorKind::kVerification) << size;
  }
}

TEST_P(EveryFormat, CutInTheSecondStreamIsAnError) {
  const std::string first = make("first");
  const std::string second = make(sample(500, 5));
  for (std::size_t size = 1; size < second.size(); ++size)
    EXPECT_FALSE(read(first + second.substr(0, size))) << size;
}

TEST_P(EveryFormat, WhatFollowsIsAnError) {
  const std::string compressed = make("content");
  EXPECT_FALSE(read(compressed + "garbage!"));
  EXPECT_FALSE(read(compressed + std::string(1, '\0')));
  EXPECT_FALSE(read(compressed + std::string(513, '\0')));
}

// A flipped bit must never give other content without an error. (Some bits have no meaning, such as the time
// in a gzip header.)
TEST_P(EveryFormat, FlippedBitsNeverGoUnnoticed) {
  const std::string content = sample(2000, 6);
  const std::string compressed = make(content);
  int noticed = 0;
  for (std::size_t at = 0; at < compressed.size(); ++at) {
    std::string damaged = compressed;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    const auto result = read(damaged);
    if (result) {
      EXPECT_EQ(*result, content) << at;
    }
    noticed += result ? 0 : 1;
  }
  EXPECT_GT(noticed, static_cast<int>(compressed.size()) - 20);
}

TEST_P(EveryFormat, Limits) {
  const std::string compressed = make(std::string(3U << 20U, 'z'));
  EXPECT_THAT(error_of(read(compressed, 1000, 65536, {.max_bytes = 1U << 20U})),
              HasSubstr("limit of 1048576 bytes"));
  EXPECT_THAT(error_of(read(compressed, 1000, 65536, {.max_ratio = 50, .ratio_from = 1U << 20U})),
              HasSubstr("more than 50 times"));
  EXPECT_TRUE(read(compressed, 1000, 65536, {.max_ratio = 50, .ratio_from = 4U << 20U}));
  EXPECT_TRUE(
      read(compressed, 1000, 65536, {.max_bytes = 5U << 20U, .max_ratio = 50, .ratio_from = 1U << 20U}))
      << "the user has said how much it may be";
}

// As databases preallocate them; zstd makes some KB of it.
TEST_P(EveryFormat, AFileOfZerosIsNoBomb) {
  EXPECT_EQ(ASSERT_VALUE(read(make(std::string(70U << 20U, '\0')), 1U << 20U, 1U << 20U)).size(), 70U << 20U);
}

Result<std::string> open_and_read(std::string compressed, std::optional<Compression> stated,
                                  Compression* found = nullptr) {
  StringSource source(std::move(compressed));
  const DecompressedSource content = TRY(open_decompressor(source, stated));
  if (found != nullptr) *found = content.compression;
  return drain(*content.content, 1000);
}

TEST_P(EveryFormat, IsFoundByItsFirstBytes) {
  Compression found = Compression::kNone;
  EXPECT_EQ(ASSERT_VALUE(open_and_read(make("x"), std::nullopt, &found)), "x");
  EXPECT_EQ(found, GetParam().compression);
  EXPECT_EQ(ASSERT_VALUE(open_and_read(make("x"), GetParam().compression)), "x");
}

TEST_P(EveryFormat, OtherThanStatedIsAnError) {
  for (const Compression stated : {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
    if (stated == GetParam().compression) continue;
    EXPECT_THAT(error_of(open_and_read(make("x"), stated)), HasSubstr("but the content is"));
  }
}

TEST(Compression, PlainContent) {
  const std::string content = sample(300'000, 7);
  EXPECT_EQ(ASSERT_VALUE(open_and_read(content, std::nullopt)), content);
  EXPECT_EQ(ASSERT_VALUE(open_and_read(content, Compression::kNone)), content);
  EXPECT_EQ(ASSERT_VALUE(open_and_read("", Compression::kNone)), "");
  EXPECT_EQ(error_of(open_and_read(content, Compression::kGzip)),
            "the media type says gzip, but the content is something else");
  EXPECT_EQ(error_of(open_and_read(gzip("x"), Compression::kNone)),
            "the media type says an uncompressed archive, but the content is gzip");
  EXPECT_EQ(error_of(open_and_read("", Compression::kZstd)), "the blob is empty, but it should be zstd");
}

TEST(Compression, PlainContentHasNoRatio) {
  StringSource source(std::string(3U << 20U, 'z'));
  const auto content = open_decompressor(source, Compression::kNone, {.max_ratio = 1, .ratio_from = 1});
  ASSERT_TRUE(content);
  EXPECT_EQ(ASSERT_VALUE(drain(*content->content, 65536)).size(), 3U << 20U);
}

TEST(Compression, NamesAreThoseOfMessages) {
  EXPECT_STREQ(to_string(Compression::kNone), "none");
  EXPECT_STREQ(to_string(Compression::kBzip2), "bzip2");
}

class GzipHeader : public ::testing::TestWithParam<InflateEngine> {
 protected:
  static Result<std::string> read(const std::string& compressed) {
    Trickle source(compressed, 3);
    const auto content = make_gzip_source(CompressedInput(source), {}, GetParam());
    return drain(*content, 1000);
  }
  // A member whose header has the flags and fields given in front of the body.
  static std::string with(char flags, const std::string& fields) {
    const std::string plain = gzip("content");
    return plain.substr(0, 3) + flags + plain.substr(4, 6) + fields + plain.substr(10);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, GzipHeader, ::testing::Values(InflateEngine::kZlib, InflateEngine::kBest));

TEST_P(GzipHeader, OptionalFields) {
  using std::string_literals::operator""s;
  EXPECT_EQ(ASSERT_VALUE(read(with(4, "\x03\x00"s + "abc"))), "content");
  EXPECT_EQ(ASSERT_VALUE(read(with(8, "name\0"s))), "content");
  EXPECT_EQ(ASSERT_VALUE(read(with(16, "comment\0"s))), "content");
  EXPECT_EQ(ASSERT_VALUE(read(with(1, ""))), "content");  // FTEXT is only a hint
  const std::string all = with(4 | 8 | 16 | 2, "\x01\x00x"s + "name\0"s + "comment\0"s);
  const std::size_t header = 10 + 3 + 5 + 8;
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(all.data()), header);
  const std::string sum = {static_cast<char>(crc & 0xff), static_cast<char>((crc >> 8) & 0xff)};
  EXPECT_EQ(ASSERT_VALUE(read(all.substr(0, header) + sum + all.substr(header))), "content");
  EXPECT_THAT(error_of(read(all.substr(0, header) + "xx" + all.substr(header))),
              HasSubstr("wrong header checksum"));
}

TEST_P(GzipHeader, WrongFields) {
  EXPECT_THAT(error_of(read(with('\x20', ""))), HasSubstr("reserved flags"));
  std::string method = gzip("content");
  method[2] = 7;
  EXPECT_THAT(error_of(read(method)), HasSubstr("unknown compression method"));
}

TEST_P(GzipHeader, TrailerIsChecked) {
  const std::string good = gzip(sample(5000, 8));
  for (std::size_t at = good.size() - 8; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] + 1);
    EXPECT_THAT(error_of(read(bad)), HasSubstr("wrong checksum or size in the trailer")) << at;
  }
}

// Reserved block type 3, and a stored block whose length does not fit its complement.
TEST_P(GzipHeader, BadBlocks) {
  const std::string header("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  EXPECT_FALSE(read(header + std::string("\x07\0\0\0\0\0\0\0\0", 9)));
  EXPECT_FALSE(read(header + std::string("\x01\x05\x00\x00\x00hello\0\0\0\0\0\0\0\0", 18)));
}

TEST(Gzip, EnginesAgree) {
  if (!isal_available()) GTEST_SKIP() << "ISA-L is not installed here";
  for (unsigned seed = 0; seed < 40; ++seed) {
    const std::string content = sample(1 + (seed * 40'009UL), seed, seed % 5 == 0);
    const std::string compressed = gzip(content, static_cast<int>(1 + (seed % 9)));
    for (const InflateEngine engine : {InflateEngine::kZlib, InflateEngine::kIsal}) {
      StringSource source(compressed);
      const auto opened = make_gzip_source(CompressedInput(source), {}, engine);
      EXPECT_EQ(ASSERT_VALUE(drain(*opened, 1000 + (seed * 7919))), content);
    }
  }
}

TEST(Zstd, SkippableFrames) {
  const std::string skippable("\x5a\x2a\x4d\x18\x04\0\0\0data", 12);
  EXPECT_EQ(
      ASSERT_VALUE(open_and_read(skippable + zstd("a") + skippable + zstd("b") + skippable, std::nullopt)),
      "ab");
  EXPECT_FALSE(open_and_read(zstd("a") + skippable.substr(0, 10), std::nullopt));
}

TEST(Zstd, WindowIsLimited) {
  EXPECT_TRUE(open_and_read(zstd("content", 27), std::nullopt));
  EXPECT_THAT(error_of(open_and_read(zstd("content", 28), std::nullopt)), HasSubstr("larger than 128 MiB"));
}

}  // namespace
}  // namespace agena::stage0
