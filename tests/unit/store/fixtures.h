// Records and layers for tests of the store, made without unpacking anything.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/store/store.h"
#include "stage0/unpack/hash.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {

inline Digest sha256(const std::string& text) { return hash_of(HashAlgorithm::kSha256, text); }
inline LayerKey key_of(const std::string& text) { return LayerKey::of_diff_id(sha256(text)); }
// An image id that stands for a text.
inline std::string id_of(const std::string& text) {
  return image_id_of(hash_of(HashAlgorithm::kSha512, text));
}

inline schema::ImageManifest manifest_of(const std::string& name, const std::string& version) {
  const auto parsed = codec::parse_image_manifest(
      R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":")" + name +
      R"(","labels":[{"name":"version","value":")" + version + R"("},{"name":"os","value":"linux"}]})");
  EXPECT_TRUE(parsed) << agena::testing::error_of(parsed);
  return *parsed;
}

// A record whose id is that of `text`, made of layers that stand for the other texts.
inline ImageRecord record_of(const std::string& text, const std::vector<std::string>& layers,
                             const std::string& name = "example.com/app", const std::string& version = "1") {
  ImageRecord record{.id = id_of(text), .manifest = manifest_of(name, version)};
  std::vector<LayerKey> keys;
  for (const std::string& layer : layers) {
    record.layers.push_back({.key = key_of(layer), .size = layer.size()});
    keys.push_back(key_of(layer));
  }
  record.chain_id = root_chain_id(keys);
  record.import_time = now();
  return record;
}

// A staged layer with one file; its tree record is empty.
inline Result<Store::Commit> staged_layer(const Store& store, const std::string& text) {
  StagedLayer layer = TRY(store.stage_layer());
  TRY(sys::write_file(layer.fs, "file", text));
  LayerMeta meta{.key = key_of(text),
                 .diff_id = sha256(text),
                 .archive_bytes = 2048,
                 .file_bytes = text.size(),
                 .entries = 1,
                 .record_digest = sha256("")};
  return Store::Commit{.layer = std::move(layer), .meta = std::move(meta)};
}

inline Result<> commit_layer(const Store& store, Store::Commit layer) {
  std::vector<Store::Commit> commits;
  commits.push_back(std::move(layer));
  return store.commit_layers(std::move(commits));
}

inline Result<> add_layers(const Store& store, const std::vector<std::string>& texts) {
  std::vector<Store::Commit> commits;
  for (const std::string& text : texts) commits.push_back(TRY(staged_layer(store, text)));
  return store.commit_layers(std::move(commits));
}

// A store in a directory of its own.
class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Store::open(data_dir(), Store::Mode::kReadWrite);
    ASSERT_TRUE(test::ok(opened));
    store_ = std::make_unique<Store>(*std::move(opened));
  }
  std::string data_dir() const { return dir_.path() + "/data"; }
  Store& store() { return *store_; }
  // Another opening of the same store, as another process would have it.
  Store open_again() {
    auto opened = Store::open(data_dir(), Store::Mode::kReadWrite);
    EXPECT_TRUE(test::ok(opened));
    return *std::move(opened);
  }
  std::vector<std::string> names_in(const std::string& path) const {
    auto names = sys::list_dir(dir_.dir(), "data/cas/" + path);
    EXPECT_TRUE(test::ok(names));
    return names ? *names : std::vector<std::string>{};
  }
  const sys::DirFd& dir() const { return dir_.dir(); }

 private:
  test::TempDir dir_;
  std::unique_ptr<Store> store_;
};

}  // namespace agena::stage0
