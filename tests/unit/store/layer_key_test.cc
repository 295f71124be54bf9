#include "stage0/store/layer_key.h"

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

TEST(LayerKeyTest, ReadsEachSpelling) {
  const std::string hex64(64, 'a');
  const std::string hex128(128, 'b');
  EXPECT_EQ(ASSERT_VALUE(LayerKey::parse("sha256-" + hex64)).kind(), LayerKey::Kind::kDiffId);
  EXPECT_EQ(ASSERT_VALUE(LayerKey::parse("sha512-" + hex128)).kind(), LayerKey::Kind::kDiffId);
  EXPECT_EQ(ASSERT_VALUE(LayerKey::parse("chain-sha256-" + hex64)).kind(), LayerKey::Kind::kChain);
  EXPECT_EQ(ASSERT_VALUE(LayerKey::parse("deps-sha512-" + hex64)).kind(), LayerKey::Kind::kRendered);
  EXPECT_EQ(ASSERT_VALUE(LayerKey::parse("merged-sha256-" + hex64)).kind(), LayerKey::Kind::kMerged);
}

TEST(LayerKeyTest, RefusesWhatCouldBeAnotherName) {
  const std::string hex64(64, 'a');
  for (const std::string& bad :
       {std::string(), "sha256:" + hex64, "sha256-" + hex64 + "a", "sha256-" + hex64.substr(1),
        "sha256-" + std::string(64, 'A'), "sha256-../" + hex64.substr(3), "chain-sha512-" + hex64, hex64,
        "sha512-" + hex64})
    EXPECT_FALSE(LayerKey::parse(bad)) << bad;
}

TEST(LayerKeyTest, ChainsAreSha256Only) {
  EXPECT_EQ(ASSERT_VALUE(LayerKey::of_chain_id(sha256("x"))).str(), "chain-" + sha256("x").file_name());
  EXPECT_FALSE(LayerKey::of_chain_id(hash_of(HashAlgorithm::kSha512, "x")));
}

// image-spec config.md: ChainID(L0|...|Ln) = Digest(ChainID(L0|...|Ln-1) + " " + DiffID(Ln)).
TEST(RootChainIdTest, IsOcisChainIdForPlainLayers) {
  const Digest a = sha256("a");
  const Digest b = sha256("b");
  const Digest c = sha256("c");
  const std::vector<LayerKey> keys = {LayerKey::of_diff_id(a), LayerKey::of_diff_id(b),
                                      LayerKey::of_diff_id(c)};
  const Digest ab = sha256(a.str() + " " + b.str());
  EXPECT_EQ(root_chain_id(std::span(keys).first(1)), a.str());
  EXPECT_EQ(root_chain_id(std::span(keys).first(2)), ab.str());
  EXPECT_EQ(root_chain_id(keys), sha256(ab.str() + " " + c.str()).str());
}

TEST(RootChainIdTest, TellsOrderAndKindApart) {
  const LayerKey plain = LayerKey::of_diff_id(sha256("a"));
  const LayerKey chained = ASSERT_VALUE(LayerKey::of_chain_id(sha256("a")));
  const LayerKey other = LayerKey::of_diff_id(sha256("b"));
  EXPECT_NE(root_chain_id(std::vector{plain, other}), root_chain_id(std::vector{other, plain}));
  EXPECT_NE(root_chain_id(std::vector{plain}), root_chain_id(std::vector{chained}));
  EXPECT_EQ(root_chain_id({}), sha256("").str());
}

TEST(RootChainIdTest, IsASha256ForAnAci) {
  const LayerKey aci = LayerKey::of_diff_id(hash_of(HashAlgorithm::kSha512, "aci"));
  EXPECT_TRUE(Digest::parse(root_chain_id(std::vector{aci})));
}

}  // namespace
}  // namespace agena::stage0
