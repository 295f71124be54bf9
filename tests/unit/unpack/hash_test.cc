#include "stage0/unpack/hash.h"

#include <gtest/gtest.h>

#include <string>

namespace agena::stage0 {
namespace {

// Test vectors of FIPS 180 (NIST's example values).
TEST(Hash, KnownValues) {
  EXPECT_EQ(hash_of(HashAlgorithm::kSha256, "abc").str(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of(HashAlgorithm::kSha256, "").str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of(HashAlgorithm::kSha512, "abc").hex(),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Hash, PiecesDoNotMatter) {
  const std::string text(100'000, 'x');
  Hasher hasher(HashAlgorithm::kSha512);
  for (std::size_t at = 0, size = 1; at < text.size(); at += size, size = (size * 3) % 1009)
    hasher.update(std::string_view(text).substr(at, size));
  EXPECT_EQ(hasher.finish(), hash_of(HashAlgorithm::kSha512, text));
}

TEST(Hash, AlgorithmOfADigest) {
  for (const HashAlgorithm algorithm : {HashAlgorithm::kSha256, HashAlgorithm::kSha512})
    EXPECT_EQ(algorithm_of(hash_of(algorithm, "x")), algorithm);
}

class HashState_ : public ::testing::TestWithParam<HashAlgorithm> {};

TEST_P(HashState_, ResumedChainGoesOn) {
  const std::string front(1024, 'f');
  const std::string back(640, 'b');
  Hasher whole(GetParam());
  whole.update(front);
  const HashState between = whole.state();
  whole.update(back);
  Hasher resumed = Hasher::resume(GetParam(), between);
  resumed.update(back);
  EXPECT_EQ(resumed.state(), whole.state());
  EXPECT_EQ(between.size, GetParam() == HashAlgorithm::kSha256 ? 32U : 64U);
}

TEST_P(HashState_, DependsOnContentAndOnWhatWasBefore) {
  const std::string block(512, 'a');
  std::string other = block;
  other[300] = 'b';
  Hasher one(GetParam());
  const HashState start = one.state();
  one.update(block);
  Hasher two(GetParam());
  two.update(other);
  EXPECT_NE(one.state(), two.state());
  Hasher three = Hasher::resume(GetParam(), two.state());
  three.update(block);
  Hasher four = Hasher::resume(GetParam(), start);
  four.update(block);
  EXPECT_NE(three.state(), four.state());
  EXPECT_EQ(four.state(), one.state());
}

INSTANTIATE_TEST_SUITE_P(Both, HashState_, ::testing::Values(HashAlgorithm::kSha256, HashAlgorithm::kSha512));

}  // namespace
}  // namespace agena::stage0
