#include "stage0/store/image_record.h"

#include "tests/support/golden.h"
#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

ImageRecord full_record() {
  ImageRecord record = record_of("golden", {"base", "top"}, "registry-1.docker.io/library/busybox", "1.36");
  record.format = ImageFormat::kDocker;
  record.import_time = 1'700'000'000'123'456'789;
  record.names = {{.name = "docker.io/library/busybox:1.36", .time = 1'700'000'000'000'000'001},
                  {.name = "docker.io/library/busybox:latest", .time = -5}};
  record.sources = {{.key = key_of("source"), .size = 7}};
  record.oci = OciFacts{.manifest_digest = sha256("manifest"),
                        .config_digest = sha256("config"),
                        .entrypoint = {"/bin/sh", "-c"},
                        .cmd = {"echo \"ü\"", ""},
                        .stop_signal = "RTMIN+3"};
  return record;
}

TEST(ImageRecordTest, IsWrittenAsTheGoldenFileSays) {
  agena::testing::expect_golden("store/image_record.json", ASSERT_VALUE(image_record_to_json(full_record())));
}

TEST(ImageRecordTest, ReadsTheGoldenFile) {
  const std::string golden = agena::testing::read_golden("store/image_record.json");
  EXPECT_EQ(ASSERT_VALUE(image_record_from_json(golden)), full_record());
}

TEST(ImageRecordTest, ReadsBackWhatItWrites) {
  ImageRecord aci = record_of("aci", {"only"});
  aci.source_size = 4096;
  aci.trust = {.signers = {"0123", "4567"}, .installed = true};
  for (const ImageRecord& record : {aci, record_of("no layers", {}), full_record()}) {
    const std::string text = ASSERT_VALUE(image_record_to_json(record));
    EXPECT_EQ(ASSERT_VALUE(image_record_from_json(text)), record);
  }
}

TEST(ImageTrustTest, Grows) {
  ImageTrust trust;
  EXPECT_TRUE(trust.empty());
  EXPECT_FALSE(trust.add({}));
  EXPECT_TRUE(trust.add({.signers = {"b", "a"}}));
  EXPECT_FALSE(trust.add({.signers = {"a"}}));
  EXPECT_TRUE(trust.add({.signers = {"b"}, .installed = true}));
  EXPECT_EQ(trust, (ImageTrust{.signers = {"a", "b"}, .installed = true}));
}

TEST(ImageRecordTest, CountsSharedLayersInEachImage) { EXPECT_EQ(full_record().size(), 4U + 3U + 7U); }

TEST(ImageRecordTest, SaysWhatArgumentsDo) {
  EXPECT_TRUE(full_record().arguments_replace_cmd());
  EXPECT_FALSE(record_of("aci", {"only"}).arguments_replace_cmd());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ImageRecordTest, NamesEveryFault) {
  const std::string good = ASSERT_VALUE(image_record_to_json(full_record()));
  const auto error = [&](const std::string& from, const std::string& to) {
    return error_of(image_record_from_json(replaced(good, from, to)));
  };
  EXPECT_EQ(error(R"("version":1)", R"("version":2)"), "image record: version 2 (this program knows 1)");
  EXPECT_NE(error(R"("format":"docker")", R"("format":"tar")").find("/format: unknown format 'tar'"),
            std::string::npos);
  EXPECT_NE(error(R"("key":"sha256-)", R"("key":"../)").find("/layers/0/key"), std::string::npos);
  EXPECT_NE(error(R"("importTime")", R"("importTimf")").find("unknown member 'importTimf'"),
            std::string::npos);
  EXPECT_NE(error(R"("id":"sha512-)", R"("id":"sha256-)").find("/id: 'sha256-"), std::string::npos);
  EXPECT_NE(error(R"("acKind":"ImageManifest")", R"("acKind":"X")").find("image manifest"),
            std::string::npos);
}

TEST(ImageRecordTest, RefusesCutFiles) {
  const std::string good = ASSERT_VALUE(image_record_to_json(full_record()));
  for (std::size_t size = 0; size + 1 < good.size(); ++size)
    ASSERT_FALSE(image_record_from_json(good.substr(0, size))) << size;
}

TEST(ImageIdTest, IsHalfOfTheDigest) {
  const Digest digest = hash_of(HashAlgorithm::kSha512, "");
  EXPECT_EQ(image_id_of(digest), "sha512-cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce");
  EXPECT_TRUE(is_image_id(image_id_of(digest)));
  EXPECT_FALSE(is_image_id("sha512-cf83"));
  EXPECT_FALSE(is_image_id("sha512-" + digest.hex()));
}

TEST(LayerMetaTest, ReadsBackWhatItWrites) {
  LayerMeta meta{.key = key_of("a"),
                 .diff_id = sha256("a"),
                 .archive_bytes = 1U << 20U,
                 .file_bytes = 12,
                 .entries = 3,
                 .record_digest = sha256("record"),
                 .implied_directories = {"usr/lib", "not\xffutf8"},
                 .root_opaque = true,
                 .root_entry = true};
  const std::string text = ASSERT_VALUE(layer_meta_to_json(meta));
  EXPECT_EQ(ASSERT_VALUE(layer_meta_from_json(text)), meta);
  meta.skeleton_digest = sha256("archive");
  EXPECT_EQ(ASSERT_VALUE(layer_meta_from_json(ASSERT_VALUE(layer_meta_to_json(meta)))), meta);
  meta.implied_directories.clear();
  meta.root_opaque = false;
  EXPECT_EQ(ASSERT_VALUE(layer_meta_from_json(ASSERT_VALUE(layer_meta_to_json(meta)))), meta);
  EXPECT_EQ(error_of(layer_meta_from_json(replaced(text, R"("version":1)", R"("version":7)"))),
            "layer meta: version 7 (this program knows 1)");
  EXPECT_FALSE(layer_meta_from_json("{}"));
}

// As a tar that was made of a list of files has: no entries of directories.
TEST(LayerMetaTest, ManyImpliedDirectories) {
  LayerMeta meta{.key = key_of("a"), .diff_id = sha256("a"), .record_digest = sha256("record")};
  for (int i = 0; i < 50'000; ++i)
    meta.implied_directories.push_back(fmt::format("usr/lib/modules-of-a-large-program/node-{:05}/lib", i));
  const std::string text = ASSERT_VALUE(layer_meta_to_json(meta));
  EXPECT_GT(text.size(), 4U << 20U);
  EXPECT_EQ(ASSERT_VALUE(layer_meta_from_json(text)), meta);
}

}  // namespace
}  // namespace agena::stage0
