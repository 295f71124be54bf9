#include "stage0/image/formats/oci_documents.h"

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string descriptor(const std::string& media_type, const std::string& more = "") {
  return R"({"mediaType":")" + media_type + R"(","digest":")" + kDigest + R"(","size":7)" + more + "}";
}

TEST(OciIndexTest, ReadsPlatformsAndAnnotations) {
  const std::string text =
      R"({"schemaVersion":2,"manifests":[)" +
      descriptor("application/vnd.oci.image.manifest.v1+json",
                 R"(,"platform":{"os":"linux","architecture":"arm64","variant":"v8","os.version":"x"},)"
                 R"("annotations":{"org.opencontainers.image.ref.name":"latest"})") +
      "," + descriptor("application/vnd.oci.image.index.v1+json") + "]}";
  const OciIndex index = ASSERT_VALUE(parse_oci_index(text));
  ASSERT_EQ(index.manifests.size(), 2U);
  EXPECT_EQ(to_string(*index.manifests[0].platform), "linux/arm64/v8");
  EXPECT_EQ(index.manifests[0].annotation("org.opencontainers.image.ref.name"), "latest");
  EXPECT_EQ(index.manifests[1].annotation("org.opencontainers.image.ref.name"), "");
  EXPECT_FALSE(index.manifests[1].platform);
}

TEST(OciIndexTest, RefusesWhatIsNone) {
  EXPECT_NE(error_of(parse_oci_index(R"({"schemaVersion":2,"manifests":[],"layers":[]})"))
                .find("has 'layers' as well"),
            std::string::npos);
  EXPECT_NE(error_of(parse_oci_index(R"({"schemaVersion":1,"manifests":[]})")).find("schema 1"),
            std::string::npos);
  EXPECT_NE(error_of(parse_oci_index(R"({"manifests":[]})")).find("missing 'schemaVersion'"),
            std::string::npos);
  EXPECT_NE(
      error_of(
          parse_oci_index(
              R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]})"))
          .find("has the media type"),
      std::string::npos);
  EXPECT_FALSE(parse_oci_index("[]"));
  EXPECT_FALSE(parse_oci_index(""));
}

TEST(OciManifestTest, ReadsLayersInOrder) {
  const std::string text = R"({"schemaVersion":2,"config":)" +
                           descriptor("application/vnd.oci.image.config.v1+json") + R"(,"layers":[)" +
                           descriptor("one") + "," + descriptor("two") + "]}";
  const OciManifest manifest = ASSERT_VALUE(parse_oci_manifest(text));
  ASSERT_EQ(manifest.layers.size(), 2U);
  EXPECT_EQ(manifest.layers[0].media_type, "one");
  EXPECT_EQ(manifest.layers[1].size, 7U);
}

TEST(OciManifestTest, RefusesWhatCouldBeReadInTwoWays) {
  const std::string config = R"("config":)" + descriptor("application/vnd.oci.image.config.v1+json");
  EXPECT_NE(
      error_of(parse_oci_manifest(R"({"schemaVersion":2,)" + config + R"(,"layers":[],"manifests":[]})"))
          .find("has 'manifests' as well"),
      std::string::npos);
  EXPECT_FALSE(parse_oci_manifest(R"({"schemaVersion":2,)" + config + R"(,"layers":[],"layers":[]})"));
  EXPECT_NE(error_of(parse_oci_manifest(R"({"schemaVersion":2,"layers":[]})")).find("missing 'config'"),
            std::string::npos);
  EXPECT_NE(error_of(parse_oci_manifest(R"({"schemaVersion":2,)" + config +
                                        R"(,"layers":[{"mediaType":"x","digest":"md5:0","size":-1}]})"))
                .find("/layers/0/size"),
            std::string::npos);
}

TEST(OciConfigTest, ReadsRunSettings) {
  const OciConfig config = ASSERT_VALUE(parse_oci_config(
      R"({"os":"linux","architecture":"amd64","created":"2020-01-01T00:00:00Z","config":{"User":"u","Env":["A=1"],)"
      R"("Entrypoint":["/e"],"Cmd":["c"],"WorkingDir":"/w","StopSignal":"SIGINT","ExposedPorts":{"80/tcp":{}},)"
      R"("Volumes":{"/v":{}},"Labels":{"k":"v"},"Healthcheck":{"Test":["NONE"]}},)"
      R"("rootfs":{"type":"layers","diff_ids":[")" +
      kDigest + R"("]},"history":[{"empty_layer":true}]})"));
  EXPECT_EQ(config.user, "u");
  EXPECT_EQ(config.env, std::vector<std::string>{"A=1"});
  EXPECT_EQ(config.entrypoint, std::vector<std::string>{"/e"});
  EXPECT_EQ(config.cmd, std::vector<std::string>{"c"});
  EXPECT_EQ(config.working_dir, "/w");
  EXPECT_EQ(config.stop_signal, "SIGINT");
  EXPECT_EQ(config.exposed_ports, std::vector<std::string>{"80/tcp"});
  EXPECT_EQ(config.volumes, std::vector<std::string>{"/v"});
  EXPECT_EQ(config.labels.at("k"), "v");
  EXPECT_EQ(config.diff_ids.size(), 1U);
}

TEST(OciConfigTest, NullIsNothing) {
  const OciConfig config = ASSERT_VALUE(parse_oci_config(
      R"({"config":{"Env":null,"Entrypoint":null,"Volumes":null,"Labels":{"k":null}},"rootfs":{"type":"layers","diff_ids":null}})"));
  EXPECT_TRUE(config.env.empty());
  EXPECT_TRUE(config.diff_ids.empty());
  EXPECT_EQ(config.labels.at("k"), "");
}

TEST(OciConfigTest, RefusesOtherRoots) {
  EXPECT_NE(error_of(parse_oci_config("{}")).find("missing 'rootfs'"), std::string::npos);
  EXPECT_NE(
      error_of(parse_oci_config(R"({"rootfs":{"type":"blob","diff_ids":[]}})")).find("instead of 'layers'"),
      std::string::npos);
  EXPECT_NE(error_of(parse_oci_config(R"({"rootfs":{"type":"layers","diff_ids":["sha256:x"]}})"))
                .find("/rootfs/diff_ids/0"),
            std::string::npos);
}

TEST(MediaTypeTest, DecidesTheCompression) {
  using enum Compression;
  EXPECT_EQ(ASSERT_VALUE(compression_of_media_type("application/vnd.oci.image.layer.v1.tar")), kNone);
  EXPECT_EQ(ASSERT_VALUE(compression_of_media_type("application/vnd.oci.image.layer.v1.tar+zstd")), kZstd);
  EXPECT_EQ(ASSERT_VALUE(compression_of_media_type("application/vnd.docker.image.rootfs.diff.tar.gzip")),
            kGzip);
  EXPECT_EQ(error_of(compression_of_media_type("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")),
            "the layer is encrypted (media type 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted')");
  EXPECT_EQ(error_of(compression_of_media_type("text/plain")), "unknown media type 'text/plain' of a layer");
}

TEST(MediaTypeTest, TellsImagesFromArtifacts) {
  EXPECT_TRUE(check_config_media_type("application/vnd.oci.image.config.v1+json"));
  EXPECT_TRUE(check_config_media_type("application/vnd.docker.container.image.v1+json"));
  EXPECT_NE(error_of(check_config_media_type("application/vnd.oci.empty.v1+json")).find("an artifact"),
            std::string::npos);
  EXPECT_EQ(kind_of_media_type("application/vnd.docker.distribution.manifest.list.v2+json"), OciKind::kIndex);
  EXPECT_EQ(kind_of_media_type("application/vnd.docker.distribution.manifest.v1+json"), OciKind::kOther);
}

}  // namespace
}  // namespace agena::stage0
