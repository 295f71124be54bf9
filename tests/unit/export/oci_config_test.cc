// Configs and manifests of layered images as they are written.
#include "stage0/export/oci_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_text.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/unpack/hash.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using ::testing::ElementsAre;

Digest digest_of(const std::string& text) { return hash_of(HashAlgorithm::kSha256, text); }

json_text::Json parsed(const std::string& text) {
  auto json = json_text::parse(text);
  EXPECT_TRUE(test::ok(json));
  return json.value_or(json_text::Json());
}

std::string config_of(const std::vector<std::string>& layers, const std::string& history) {
  std::string ids;
  for (const std::string& layer : layers) ids += (ids.empty() ? "\"" : ",\"") + digest_of(layer).str() + "\"";
  return R"({"z": 1, "os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[)" + ids +
         "]}" + (history.empty() ? "" : ",\"history\":" + history) + "}";
}

TEST(ConfigWithLayers, KeepsTheBytesOfItsOwn) {
  const std::string config = config_of({"a", "b"}, "");
  EXPECT_EQ(ASSERT_VALUE(config_with_layers(config, {digest_of("a"), digest_of("b")}, {})), config);
}

TEST(ConfigWithLayers, PutsOthersInTheirPlaceAndKeepsTheHistory) {
  const std::string config =
      config_of({"a", "b"}, R"([{"created_by":"x"},{"empty_layer":true},{"created_by":"y"}])");
  const auto json = parsed(ASSERT_VALUE(config_with_layers(config, {digest_of("a"), digest_of("c")}, {})));
  EXPECT_EQ(json["rootfs"]["diff_ids"][1], digest_of("c").str());
  EXPECT_EQ(json["history"].size(), 3U);
  EXPECT_EQ(json["z"], 1);
}

TEST(ConfigWithLayers, AddsWhatIsNewToTheHistory) {
  const std::string config = config_of({"a"}, R"([{"created_by":"x"}])");
  const auto json =
      parsed(ASSERT_VALUE(config_with_layers(config, {digest_of("a"), digest_of("b")}, {"export"})));
  EXPECT_EQ(json["history"].size(), 2U);
  EXPECT_EQ(json["history"][1]["created_by"], "export");
}

TEST(ConfigWithLayers, DropsAHistoryThatIsNone) {
  for (const char* history : {R"({"a":1})", R"({})", R"("x")", "1", R"(["x"])", R"([{"empty_layer":"yes"}])",
                              R"([{"empty_layer":1}])", "[[]]"}) {
    const auto result =
        config_with_layers(config_of({"a"}, history), {digest_of("a"), digest_of("b")}, {"export"});
    EXPECT_FALSE(parsed(ASSERT_VALUE(result)).contains("history")) << history;
  }
}

TEST(ManifestType, IsOcisUnlessItSaysAnother) {
  const std::string oci = manifest_type("{}");
  for (const char* manifest : {"", "[]", R"({"mediaType":null})", R"({"mediaType":7})"})
    EXPECT_EQ(manifest_type(manifest), oci) << manifest;
  EXPECT_EQ(manifest_type(R"({"mediaType":"x/y"})"), "x/y");
}

TEST(ConfigWithLayers, DropsAHistoryOfOtherLayers) {
  const std::string config = config_of({"a", "b"}, R"([{"created_by":"x"},{"created_by":"y"}])");
  const auto json = parsed(ASSERT_VALUE(config_with_layers(config, {digest_of("c")}, {})));
  EXPECT_FALSE(json.contains("history"));
  EXPECT_EQ(json["rootfs"]["diff_ids"].size(), 1U);
}

TEST(ConfigWithLayers, ForeignConfigsOfOddShapesAreErrorsOrGetLayers) {
  EXPECT_FALSE(config_with_layers("[]", {}, {}).has_value());
  EXPECT_FALSE(config_with_layers("{", {}, {}).has_value());
  const auto json =
      parsed(ASSERT_VALUE(config_with_layers(R"({"rootfs":7,"history":7})", {digest_of("a")}, {})));
  EXPECT_EQ(json["rootfs"]["diff_ids"].size(), 1U);
}

TEST(DeriveConfig, IsWhatTheManifestSays) {
  const auto manifest = ASSERT_VALUE(codec::parse_image_manifest(R"({
    "acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/app",
    "labels":[{"name":"os","value":"linux"},{"name":"arch","value":"aarch64"}],
    "annotations":[{"name":"created","value":"2020-01-01T00:00:00Z"},{"name":"authors","value":"me"}],
    "app":{"exec":["/bin/x","-y"],"user":"7","group":"8","workingDirectory":"/w",
      "environment":[{"name":"A","value":"b=c"}],
      "mountPoints":[{"name":"data","path":"/data"}],
      "ports":[{"name":"web","protocol":"tcp","port":80,"count":2}],
      "userLabels":{"k":"v"}}})"));
  const std::string text = ASSERT_VALUE(derive_config(manifest));
  const OciConfig config =
      ASSERT_VALUE(parse_oci_config(ASSERT_VALUE(config_with_layers(text, {digest_of("a")}, {}))));
  EXPECT_EQ(config.platform.arch, "arm64");
  EXPECT_EQ(config.platform.variant, "v8");
  EXPECT_EQ(config.created, "2020-01-01T00:00:00Z");
  EXPECT_EQ(config.author, "me");
  EXPECT_EQ(config.user, "7:8");
  EXPECT_THAT(config.entrypoint, ElementsAre("/bin/x", "-y"));
  EXPECT_TRUE(config.cmd.empty());
  EXPECT_THAT(config.env, ElementsAre("A=b=c"));
  EXPECT_THAT(config.volumes, ElementsAre("/data"));
  EXPECT_THAT(config.exposed_ports, ElementsAre("80/tcp", "81/tcp"));
  EXPECT_EQ(config.working_dir, "/w");
  EXPECT_EQ(config.labels.at("k"), "v");
}

TEST(OciManifest, ListsWhatWasWritten) {
  const Written config{.digest = digest_of("config"), .bytes = 6};
  const std::vector<WrittenLayer> layers = {{.blob = {.digest = digest_of("a"), .bytes = 1},
                                             .compression = Compression::kZstd,
                                             .diff_id = digest_of("A")}};
  const std::string text = ASSERT_VALUE(make_oci_manifest(config, layers));
  const OciManifest manifest = ASSERT_VALUE(parse_oci_manifest(text));
  EXPECT_EQ(manifest.layers.at(0).media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
  EXPECT_TRUE(manifest_lists(text, config, layers));
  EXPECT_FALSE(manifest_lists(text, config, {}));
  EXPECT_FALSE(manifest_lists(text, {.digest = digest_of("other"), .bytes = 5}, layers));
  EXPECT_FALSE(manifest_lists("{", config, layers));
  EXPECT_EQ(manifest_type(text), kOciManifestType);
  EXPECT_EQ(manifest_type(R"({"mediaType":"x"})"), "x");
}

}  // namespace
}  // namespace agena::stage0
