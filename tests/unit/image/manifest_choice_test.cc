#include "stage0/image/formats/manifest_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "stage0/unpack/hash.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using ::agena::testing::error_of;
using ::testing::HasSubstr;

constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";

// Documents by digest, and how often they have been read.
class Documents {
 public:
  OciDescriptor manifest(int number) {
    return {.media_type = kManifest,
            .digest = hash_of(HashAlgorithm::kSha256, std::to_string(number)),
            .size = 7};
  }
  OciDescriptor index(const std::vector<OciDescriptor>& entries) {
    std::string text = R"({"schemaVersion":2,"manifests":[)";
    for (const OciDescriptor& entry : entries)
      text +=
          fmt::format(R"({}{{"mediaType":"{}","digest":"{}","size":{}}})",
                      &entry == entries.data() ? "" : ",", entry.media_type, entry.digest.str(), entry.size);
    text += "]}";
    const Digest digest = hash_of(HashAlgorithm::kSha256, text);
    const std::size_t size = text.size();
    bytes_[digest.str()] = std::move(text);
    return {.media_type = kIndex, .digest = digest, .size = size};
  }
  ManifestSearch search() {
    return ManifestSearch([this](const OciDescriptor& descriptor) -> Result<std::string> {
      ++reads;
      return bytes_.at(descriptor.digest.str());
    });
  }
  int reads = 0;

 private:
  std::map<std::string, std::string> bytes_;
};

TEST(ManifestSearch, FindsThroughIndexesInTheirOrder) {
  Documents documents;
  const OciDescriptor inner = documents.index({documents.manifest(2), documents.manifest(3)});
  ManifestSearch search = documents.search();
  ASSERT_TRUE(search.add(documents.index({documents.manifest(1), inner, documents.manifest(4)}), 5));
  ASSERT_EQ(search.leaves().size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(search.leaves()[i].manifest.digest, documents.manifest(static_cast<int>(i) + 1).digest);
    EXPECT_EQ(search.leaves()[i].entry, 5U);
  }
}

TEST(ManifestSearch, AnIndexIsReadOnce) {
  Documents documents;
  OciDescriptor below = documents.index({documents.manifest(1)});
  for (int level = 0; level < 3; ++level) below = documents.index(std::vector<OciDescriptor>(200, below));
  ManifestSearch search = documents.search();
  ASSERT_TRUE(search.add(below, 0));
  EXPECT_EQ(documents.reads, 4);
  EXPECT_EQ(search.leaves().size(), 1U);
}

TEST(ManifestSearch, ManyIndexesAreNotFollowed) {
  Documents documents;
  std::vector<OciDescriptor> wide;
  for (int i = 0; i < 150; ++i) wide.push_back(documents.index({documents.manifest(i)}));
  ManifestSearch search = documents.search();
  EXPECT_THAT(error_of(search.add(documents.index(wide), 0)), HasSubstr("more than 100"));
  EXPECT_LE(documents.reads, 100);
  // Each entry of a layout is a search of its own.
  ManifestSearch layout = documents.search();
  for (std::size_t i = 0; i < wide.size(); ++i) ASSERT_TRUE(layout.add(wide[i], i));
  EXPECT_EQ(layout.leaves().size(), 150U);
}

TEST(ManifestSearch, DepthIsLimited) {
  Documents documents;
  OciDescriptor below = documents.index({documents.manifest(1)});
  for (int level = 0; level < 4; ++level) below = documents.index({below});
  ManifestSearch search = documents.search();
  EXPECT_THAT(error_of(search.add(below, 0)), HasSubstr("nested more than 4 deep"));
}

}  // namespace
}  // namespace agena::stage0
