#include "stage0/image/formats/docker_archive.h"

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

TEST(DockerManifestTest, ReadsSeveralImages) {
  const auto entries = ASSERT_VALUE(parse_docker_manifest(
      R"([{"Config":"c.json","RepoTags":["a:1","b:2"],"Layers":["x/layer.tar","y/layer.tar"]},)"
      R"({"Config":"d.json","RepoTags":null,"Layers":null,"LayerSources":{}}])"));
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].config, "c.json");
  EXPECT_EQ(entries[0].names, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(entries[0].layers.size(), 2U);
  EXPECT_TRUE(entries[1].names.empty());
  EXPECT_TRUE(entries[1].layers.empty());
}

TEST(DockerManifestTest, SaysWhatIsMissing) {
  EXPECT_EQ(error_of(parse_docker_manifest(R"([{"Layers":[]}])")), "manifest.json: /0: missing 'Config'");
  EXPECT_NE(error_of(parse_docker_manifest("{}")).find("expected an array"), std::string::npos);
  EXPECT_FALSE(parse_docker_manifest("[1]"));
}

TEST(SourceNameTest, DropsDirectoriesAndEndings) {
  EXPECT_EQ(source_name_of("/srv/images/debian.tar.gz"), "debian");
  EXPECT_EQ(source_name_of("debian/"), "debian");
  EXPECT_EQ(source_name_of("debian.oci.tar"), "debian");
  EXPECT_EQ(source_name_of(".tar"), ".tar");
  EXPECT_EQ(source_name_of("v1.2"), "v1.2");
}

}  // namespace
}  // namespace agena::stage0
