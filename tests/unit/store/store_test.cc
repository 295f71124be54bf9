#include "stage0/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using test::ok;

mode_t mode_of(const sys::DirFd& dir, const std::string& path) {
  const auto st = sys::stat_at(dir, path);
  EXPECT_TRUE(ok(st));
  return st ? st->st_mode & 07777U : 0;
}

TEST_F(StoreTest, MakesTheTreeWithRktsModes) {
  EXPECT_EQ(mode_of(dir(), "data"), 02750U);
  EXPECT_EQ(mode_of(dir(), "data/locks"), 02750U);
  EXPECT_EQ(mode_of(dir(), "data/cas"), 02770U);
  EXPECT_EQ(mode_of(dir(), "data/cas/images"), 02770U);
  EXPECT_EQ(mode_of(dir(), "data/cas/layers"), 0700U);
}

TEST_F(StoreTest, KeepsModesOfWhatIsThere) {
  ASSERT_EQ(::chmod((data_dir() + "/cas/images").c_str(), 0711), 0);
  (void)open_again();
  EXPECT_EQ(mode_of(dir(), "data/cas/images"), 0711U);
}

TEST(StoreOpenTest, ReadingMakesNothing) {
  const test::TempDir dir;
  auto store = Store::open(dir.path() + "/none", Store::Mode::kReadOnly);
  ASSERT_TRUE(ok(store));
  EXPECT_TRUE(ASSERT_VALUE(store->list_images()).empty());
  EXPECT_EQ(store->find_image("example.com/app").error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(store->read_image(id_of("x")).error().kind(), ErrorKind::kNotFound);
  EXPECT_FALSE(*sys::exists(dir.dir(), "none"));
  EXPECT_FALSE(Store::open("relative", Store::Mode::kReadWrite));
}

TEST(StoreOpenTest, ATreeThatWasNotFinishedHasNothing) {
  const test::TempDir dir;
  ASSERT_TRUE(ok(sys::make_dirs(dir.dir(), "cas/blobs")));
  auto store = Store::open(dir.path(), Store::Mode::kReadOnly);
  ASSERT_TRUE(ok(store));
  EXPECT_TRUE(ASSERT_VALUE(store->list_images()).empty());
  ASSERT_TRUE(ok(Store::open(dir.path(), Store::Mode::kReadWrite)));
  EXPECT_TRUE(*sys::exists(dir.dir(), "cas/trash"));
}

TEST_F(StoreTest, ALayerIsThereOnceItIsCommitted) {
  EXPECT_FALSE(*store().has_layer(key_of("a")));
  EXPECT_EQ(store().open_layer_fs(key_of("a")).error().kind(), ErrorKind::kNotFound);
  auto staged = staged_layer(store(), "a");
  ASSERT_TRUE(ok(staged));
  EXPECT_FALSE(*store().has_layer(key_of("a")));
  ASSERT_TRUE(ok(commit_layer(store(), *std::move(staged))));
  EXPECT_TRUE(*store().has_layer(key_of("a")));
  const sys::DirFd fs = ASSERT_VALUE(store().open_layer_fs(key_of("a")));
  EXPECT_EQ(ASSERT_VALUE(sys::read_file(fs, "file")), "a");
  EXPECT_EQ(ASSERT_VALUE(store().layer_meta(key_of("a"))).file_bytes, 1U);
  EXPECT_TRUE(names_in("staging").empty());
}

TEST_F(StoreTest, ADroppedLayerLeavesNothing) {
  {
    ASSERT_TRUE(ok(staged_layer(store(), "a")));
  }
  EXPECT_TRUE(names_in("staging").empty());
  EXPECT_TRUE(names_in("layers").empty());
}

TEST_F(StoreTest, TheSecondOfTwoEqualLayersIsDropped) {
  auto first = staged_layer(store(), "a");
  auto second = staged_layer(store(), "a");
  ASSERT_TRUE(ok(first) && ok(second));
  ASSERT_TRUE(ok(commit_layer(store(), *std::move(first))));
  ASSERT_TRUE(ok(commit_layer(store(), *std::move(second))));
  EXPECT_EQ(names_in("layers").size(), 1U);
  EXPECT_TRUE(names_in("staging").empty());
}

TEST_F(StoreTest, WhatHasNoMetaIsNoLayerAndIsReplaced) {
  const std::string path = "data/cas/layers/" + key_of("a").str();
  ASSERT_TRUE(ok(sys::make_dirs(dir(), path + "/fs")));
  EXPECT_FALSE(*store().has_layer(key_of("a")));
  ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  EXPECT_TRUE(*store().has_layer(key_of("a")));
  EXPECT_EQ(names_in("trash").size(), 1U);
}

TEST_F(StoreTest, StagingOfTheLivingIsLeftAlone) {
  auto staged = staged_layer(store(), "a");
  ASSERT_TRUE(ok(staged));
  ASSERT_TRUE(ok(sys::make_dirs(dir(), "data/cas/staging/1-dead/fs/deep")));
  ASSERT_TRUE(ok(sys::make_dirs(dir(), "data/cas/trash/old/fs")));
  ASSERT_TRUE(ok(open_again().empty_trash()));
  EXPECT_EQ(names_in("staging"), std::vector<std::string>{staged->layer.staging.name()});
  EXPECT_TRUE(names_in("trash").empty());
  EXPECT_TRUE(ok(commit_layer(store(), *std::move(staged))));
}

TEST_F(StoreTest, DocumentsMustHaveTheirDigest) {
  const Digest digest = sha256("{}");
  EXPECT_EQ(store().put_blob(digest, "[]").error().kind(), ErrorKind::kVerification);
  ASSERT_TRUE(ok(store().put_blob(digest, "{}")));
  ASSERT_TRUE(ok(store().put_blob(digest, "{}")));
  EXPECT_EQ(ASSERT_VALUE(store().read_blob(digest)), "{}");
  ASSERT_TRUE(ok(sys::write_file(dir(), "data/cas/blobs/sha256/" + digest.hex(), "{]")));
  EXPECT_EQ(store().read_blob(digest).error().kind(), ErrorKind::kVerification);
  ASSERT_TRUE(ok(store().put_blob(digest, "{}")));
  EXPECT_EQ(ASSERT_VALUE(store().read_blob(digest)), "{}");
}

TEST_F(StoreTest, ARecordNeedsItsLayersAndDocuments) {
  ImageRecord record = record_of("image", {"a", "b"});
  ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  const auto missing = store().commit_image(record);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), ErrorKind::kNotFound);
  EXPECT_NE(error_of(missing).find(key_of("b").str()), std::string::npos);
  ASSERT_TRUE(ok(add_layers(store(), {"b"})));
  record.oci = OciFacts{.config_digest = sha256("config")};
  EXPECT_EQ(store().commit_image(record).error().kind(), ErrorKind::kNotFound);
  const std::vector<Document> wrong = {{.digest = sha256("config"), .bytes = "other"}};
  EXPECT_EQ(store().commit_image(record, wrong).error().kind(), ErrorKind::kVerification);
  const std::vector<Document> documents = {{.digest = sha256("config"), .bytes = "config"}};
  ASSERT_TRUE(ok(store().commit_image(record, documents)));
  EXPECT_EQ(ASSERT_VALUE(store().read_blob(sha256("config"))), "config");
  EXPECT_TRUE(names_in("staging").empty());
}

class FindTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  }
  // Commits an image; each is newer than the one before.
  ImageRecord add(const std::string& text, const std::string& name, const std::string& version,
                  const std::vector<std::string>& fetched_names = {}) {
    ImageRecord record = record_of(text, {"a"}, name, version);
    record.import_time = ++time_;
    for (const std::string& fetched : fetched_names) record.names.push_back({.name = fetched, .time = time_});
    const auto committed = store().commit_image(record);
    EXPECT_TRUE(ok(committed));
    return record;
  }
  std::string found(const std::string& text) {
    const auto record = store().find_image(text);
    return record ? record->id : error_of(record);
  }

 private:
  Nanoseconds time_ = 1'000;
};

TEST_F(FindTest, ByIdWithRktsErrors) {
  const std::string id = add("one", "example.com/one", "1").id;
  EXPECT_EQ(found(id), id);
  EXPECT_EQ(found(id.substr(0, 20)), id);
  EXPECT_EQ(found(id + std::string(64, '0')), id);
  EXPECT_NE(found("sha512-a").find("image ID too short"), std::string::npos);
  const std::string none = id.starts_with("sha512-00") ? "sha512-11" : "sha512-00";
  EXPECT_EQ(found(none), "no image IDs found for '" + none + "'");
  EXPECT_EQ(found("sha512-" + std::string(64, '0')),
            "no image IDs found for 'sha512-" + std::string(64, '0') + "'");
}

TEST_F(FindTest, AnAmbiguousIdIsAnError) {
  // Some two of these share their first two digits: there are only 256.
  std::map<std::string, int> prefixes;
  std::string shared;
  for (int i = 0; i < 40 && shared.empty(); ++i) {
    const std::string prefix = add("image " + std::to_string(i), "example.com/a", "1").id.substr(0, 9);
    if (++prefixes[prefix] == 2) shared = prefix;
  }
  ASSERT_FALSE(shared.empty());
  EXPECT_EQ(found(shared), "ambiguous image ID: '" + shared + "'");
}

TEST_F(FindTest, ByNameAndLabels) {
  const std::string one = add("one", "example.com/app", "1").id;
  const std::string two = add("two", "example.com/app", "2").id;
  EXPECT_EQ(found("example.com/app"), two);
  EXPECT_EQ(found("example.com/app:1"), one);
  EXPECT_EQ(found("example.com/app,version=1"), one);
  EXPECT_EQ(found("example.com/app:2,os=linux"), two);
  EXPECT_EQ(found("example.com/app:2,os=plan9"), "no image 'example.com/app:2,os=plan9' in the store");
  EXPECT_EQ(found("example.com/ap"), "no image 'example.com/ap' in the store");
  EXPECT_EQ(found("example.com/app,nonsense"),
            "label 'nonsense' in 'example.com/app,nonsense' is not of the form NAME=VALUE");
}

TEST_F(FindTest, ByDockerNamesLastHolderFirst) {
  const std::string one = add("one", "registry-1.docker.io/library/bb", "1", {"docker.io/library/bb:1"}).id;
  const std::string two =
      add("two", "registry-1.docker.io/library/bb", "1", {"docker.io/library/bb:1", "localhost/own:latest"})
          .id;
  EXPECT_EQ(found("bb:1"), two);
  EXPECT_EQ(found("docker.io/bb:1"), two);
  EXPECT_EQ(found("own"), two);
  // The name comes back to the first one.
  EXPECT_EQ(add("one", "registry-1.docker.io/library/bb", "1", {"docker.io/library/bb:1"}).id, one);
  EXPECT_EQ(found("bb:1"), one);
}

TEST_F(FindTest, ByDigest) {
  ImageRecord record = record_of("oci", {"a"});
  record.oci = OciFacts{.manifest_digest = sha256("m"), .config_digest = sha256("c")};
  ASSERT_TRUE(ok(store().put_blob(sha256("m"), "m")) && ok(store().put_blob(sha256("c"), "c")));
  ASSERT_TRUE(ok(store().commit_image(record)));
  EXPECT_EQ(found(sha256("m").str()), record.id);
  EXPECT_EQ(found(sha256("c").str().substr(0, 19)), record.id);
  EXPECT_NE(found("sha256:0123").find("too short"), std::string::npos);
  EXPECT_NE(found("sha256:" + std::string(64, '0')).find("no image with the digest"), std::string::npos);
  EXPECT_NE(found("sha256:xyz").find("not a digest"), std::string::npos);
}

TEST_F(FindTest, ByLabelsAlone) {
  const std::string one = add("one", "example.com/app", "1").id;
  (void)add("two", "example.com/app", "2");
  const auto name = ASSERT_VALUE(schema::AcIdentifier::parse("example.com/app"));
  schema::Labels labels;
  labels.set(ASSERT_VALUE(schema::AcIdentifier::parse("version")), "1");
  EXPECT_EQ(ASSERT_VALUE(store().find_app_image(name, labels)).id, one);
  labels.set(ASSERT_VALUE(schema::AcIdentifier::parse("version")), "3");
  EXPECT_EQ(error_of(store().find_app_image(name, labels)),
            "no image 'example.com/app,version=3' in the store");
}

TEST_F(FindTest, ByUrlsWhateverIsInThem) {
  for (const char* url : {"https://example.com/@scope/app.aci", "http://example.com/a,b.aci"}) {
    EXPECT_EQ(store().find_image(url).error().kind(), ErrorKind::kNotFound);
    const std::string id = add(url, "example.com/app", "1", {url}).id;
    EXPECT_EQ(found(url), id);
    EXPECT_FALSE(store().find_image(url, [](const ImageRecord&) { return false; }));
  }
}

TEST_F(FindTest, OnlyWhatSuits) {
  const std::string older = add("one", "example.com/app", "1").id;
  const std::string newer = add("two", "example.com/app", "1").id;
  const ImageFilter trusted = [](const ImageRecord& image) { return !image.trust.empty(); };
  EXPECT_EQ(ASSERT_VALUE(store().find_image("example.com/app:1")).id, newer);
  EXPECT_EQ(error_of(store().find_image("example.com/app:1", trusted)),
            "no image 'example.com/app:1' in the store");
  ASSERT_TRUE(ok(store().add_trust(older, {.signers = {"alice"}})));
  EXPECT_EQ(ASSERT_VALUE(store().find_image("example.com/app:1", trusted)).id, older);
  const auto name = ASSERT_VALUE(schema::AcIdentifier::parse("example.com/app"));
  EXPECT_EQ(ASSERT_VALUE(store().find_app_image(name, {}, trusted)).id, older);
  EXPECT_EQ(ASSERT_VALUE(store().find_app_image(name, {})).id, newer);
}

TEST_F(FindTest, TrustStaysWithAnImage) {
  ImageRecord record = add("one", "example.com/app", "1");
  ASSERT_TRUE(ok(store().add_trust(record.id, {.signers = {"alice"}})));
  // Imported again, by somebody who cannot say who signed it, and by somebody who knows of another.
  ASSERT_TRUE(ok(store().commit_image(record)));
  record.trust.signers = {"bob"};
  EXPECT_EQ(ASSERT_VALUE(store().commit_image(record)).trust.signers,
            (std::vector<std::string>{"alice", "bob"}));
}

TEST_F(FindTest, TrustIsOfTheLayers) {
  ImageRecord record = add("one", "example.com/app", "1");
  ASSERT_TRUE(ok(store().add_trust(record.id, {.signers = {"alice"}})));
  ASSERT_TRUE(ok(add_layers(store(), {"other"})));
  record.layers = {{.key = key_of("other"), .size = 5}};
  EXPECT_TRUE(ASSERT_VALUE(store().commit_image(record)).trust.empty());
}

TEST_F(FindTest, ARecordOfANewerProgramIsNotReplaced) {
  const std::string id = add("one", "example.com/app", "1").id;
  const std::string path = "data/cas/images/" + id;
  const std::string record = ASSERT_VALUE(sys::read_file(dir(), path));
  const std::string newer = "{\"version\":99,\"names\":\"all in another form\"}\n{}\n";
  ASSERT_TRUE(ok(sys::write_file(dir(), path, newer)));
  const ImageRecord again = record_of("one", {"a"});
  EXPECT_EQ(store().commit_image(again).error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(ASSERT_VALUE(sys::read_file(dir(), path)), newer);
  // A damaged one is mended.
  ASSERT_TRUE(ok(sys::write_file(dir(), path, record.substr(0, 40))));
  EXPECT_TRUE(ok(store().commit_image(again)));
}

TEST_F(FindTest, AddsNamesToWhatIsThere) {
  (void)add("one", "example.com/app", "1", {"localhost/a:1"});
  (void)add("one", "example.com/app", "1", {"localhost/b:1"});
  const ImageRecord record = ASSERT_VALUE(store().read_image(id_of("one")));
  ASSERT_EQ(record.names.size(), 2U);
  EXPECT_EQ(found("localhost/a:1"), record.id);
  EXPECT_EQ(found("localhost/b:1"), record.id);
}

TEST_F(FindTest, RemovedImagesAreGone) {
  const std::string id = add("one", "example.com/app", "1").id;
  ASSERT_TRUE(ok(store().remove_image(id)));
  EXPECT_EQ(found("example.com/app"), "no image 'example.com/app' in the store");
  EXPECT_EQ(found(id), "no image IDs found for '" + id + "'");
  EXPECT_EQ(store().remove_image(id).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(*store().has_layer(key_of("a")));
}

TEST_F(FindTest, ListsByImportTime) {
  (void)add("b", "example.com/b", "1");
  (void)add("a", "example.com/a", "1");
  ASSERT_TRUE(ok(sys::write_file(dir(), "data/cas/images/" + id_of("broken"), "{}")));
  ErrorList broken;
  const auto images = ASSERT_VALUE(store().list_images(&broken));
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0].id, id_of("b"));
  EXPECT_EQ(images[1].id, id_of("a"));
  EXPECT_EQ(broken.errors().size(), 1U);
}

TEST_F(FindTest, NotesUseOnceAMinute) {
  const std::string id = add("one", "example.com/app", "1").id;
  const std::string path = data_dir() + "/cas/images/" + id;
  const std::array<timespec, 2> old = {timespec{.tv_sec = 1000, .tv_nsec = 0},
                                       timespec{.tv_sec = 1000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), old.data(), 0), 0);
  EXPECT_EQ(ASSERT_VALUE(store().read_image(id)).last_used, 1000 * kSecond);
  ASSERT_TRUE(ok(store().touch_last_used(id)));
  const Nanoseconds used = ASSERT_VALUE(store().read_image(id)).last_used;
  EXPECT_GT(used, now() - 5 * kSecond);
  ASSERT_TRUE(ok(store().touch_last_used(id)));
  EXPECT_EQ(ASSERT_VALUE(store().read_image(id)).last_used, used);
  EXPECT_TRUE(ok(store().touch_last_used(id_of("gone"))));
}

TEST_F(FindTest, ReadOnlyStoresFindAndChangeNothing) {
  const std::string id = add("one", "example.com/app", "1").id;
  auto reader = Store::open(data_dir(), Store::Mode::kReadOnly);
  ASSERT_TRUE(ok(reader));
  EXPECT_EQ(ASSERT_VALUE(reader->find_image("example.com/app")).id, id);
  EXPECT_EQ(reader->remove_image(id).error().kind(), ErrorKind::kPermission);
  EXPECT_EQ(reader->commit_image(record_of("two", {})).error().kind(), ErrorKind::kPermission);
}

TEST_F(FindTest, FilesAreKnownUntilTheyChange) {
  const std::string id = add("one", "example.com/app", "1").id;
  const std::string path = data_dir() + "/image.aci";
  ASSERT_TRUE(ok(sys::write_file(sys::at_cwd(), path, "aci")));
  sys::UniqueFd fd = ASSERT_VALUE(sys::open_at(sys::at_cwd(), path, O_RDWR));
  EXPECT_FALSE(*Store::file_key(path, fd.get(), "")) << "a file that changed just now";
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  const auto key = ASSERT_VALUE(Store::file_key(path, fd.get(), "tag"));
  ASSERT_TRUE(key);
  EXPECT_FALSE(*store().find_by_file(*key));
  ASSERT_TRUE(ok(store().remember_file(*key, id)));
  EXPECT_EQ((*store().find_by_file(*key))->image.id, id);
  EXPECT_TRUE((*store().find_by_file(*key))->names.empty());
  ASSERT_TRUE(ok(store().remember_file(*key, id, {"example.com/app:1", "app:2"})));
  Store other = open_again();
  EXPECT_EQ((*other.find_by_file(*key))->image.id, id);
  EXPECT_EQ((*other.find_by_file(*key))->names, (std::vector<std::string>{"example.com/app:1", "app:2"}));

  Store::FileKey changed = *key;
  changed.selector = "other";
  EXPECT_FALSE(*store().find_by_file(changed));
  changed = *key;
  ++changed.ctime;
  EXPECT_FALSE(*store().find_by_file(changed));
  ASSERT_TRUE(ok(store().remove_image(id)));
  EXPECT_FALSE(*store().find_by_file(*key));
}

}  // namespace
}  // namespace agena::stage0
