// Imports end to end: what comes into the store, what is shared, what is known again, and that nothing stays
// of what failed. The hundreds of odd images are those of tests/support/imagekit.
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/integration/store/images.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using test::ok;

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Store::open(data_dir(), Store::Mode::kReadWrite);
    ASSERT_TRUE(ok(opened));
    store_ = std::make_unique<Store>(*std::move(opened));
  }
  void TearDown() override { EXPECT_EQ(find_faults(data_dir()), ""); }

  Store& store() { return *store_; }
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  std::string data_dir() const { return path("data"); }
  std::size_t count(const std::string& directory) const {
    const auto names = sys::list_dir(dir_.dir(), "data/cas/" + directory);
    EXPECT_TRUE(ok(names));
    return names ? names->size() : 0;
  }
  // Content of a file in one of the image's layers.
  std::string content(const LayerKey& key, const std::string& file) {
    const auto fs = store().open_layer_fs(key);
    EXPECT_TRUE(ok(fs));
    return fs ? sys::read_file(*fs, file).value_or("(none)") : "";
  }

 private:
  test::TempDir dir_;
  std::unique_ptr<Store> store_;
};

TEST_F(ImportTest, AnAciIsOneLayer) {
  const std::string bytes = aci_bytes("example.com/app", {{"bin", "binary"}});
  write_bytes(path("a.aci"), agena::testing::xz(bytes));
  const ImageRecord record = ASSERT_VALUE(import_text(store(), path("a.aci")));
  const Digest digest = hash_of(HashAlgorithm::kSha512, bytes);
  EXPECT_EQ(record.id, image_id_of(digest));
  EXPECT_EQ(record.format, ImageFormat::kAci);
  ASSERT_EQ(record.layers.size(), 1U);
  EXPECT_EQ(record.layers[0].key, LayerKey::of_diff_id(digest));
  EXPECT_EQ(record.size(), 6U);
  EXPECT_EQ(content(record.layers[0].key, "bin"), "binary");
  EXPECT_EQ(ASSERT_VALUE(store().find_image("example.com/app:1")).id, record.id);
}

TEST_F(ImportTest, LayersAreSharedAndNotUnpackedTwice) {
  LayoutBuilder layout(path("layout"));
  const std::string base = one_file("base", "base");
  const std::string one = layout.add("one", {base, one_file("one", "1")});
  const std::string two = layout.add("two", {base, one_file("two", "2")});
  const ImageRecord first = ASSERT_VALUE(import_text(store(), one));
  std::vector<LayerProgress::State> states(2, LayerProgress::State::kWaiting);
  const auto reference = ASSERT_VALUE(parse_reference(two));
  const ImageRecord second =
      ASSERT_VALUE(import_image(store(), reference, {}, [&](const LayerProgress& progress) {
        ASSERT_LT(progress.index, 2U);
        if (progress.state != LayerProgress::State::kCommitted) states[progress.index] = progress.state;
      }));
  EXPECT_EQ(states[0], LayerProgress::State::kPresent);
  EXPECT_EQ(states[1], LayerProgress::State::kUnpacked);
  EXPECT_EQ(first.layers[0], second.layers[0]);
  EXPECT_EQ(count("layers"), 3U);
  EXPECT_EQ(count("blobs/sha256"), 4U);
}

TEST_F(ImportTest, ProgressReachesTheEnd) {
  LayoutBuilder layout(path("layout"));
  const std::string text = layout.add("a", {one_file("x", std::string(3'000'000, 'x')), one_file("y", "y")});
  const auto reference = ASSERT_VALUE(parse_reference(text));
  std::map<std::size_t, LayerProgress> last;
  ASSERT_TRUE(ok(import_image(store(), reference, {}, [&](const LayerProgress& progress) {
    EXPECT_LE(progress.done, progress.total);
    EXPECT_EQ(progress.count, 2U);
    if (last.contains(progress.index)) {
      EXPECT_GE(progress.state, last[progress.index].state);
    }
    last[progress.index] = progress;
  })));
  ASSERT_EQ(last.size(), 2U);
  for (const auto& [index, progress] : last) {
    EXPECT_EQ(progress.state, LayerProgress::State::kCommitted);
    EXPECT_EQ(progress.done, progress.total);
  }
}

TEST_F(ImportTest, AnUnchangedFileIsNotReadAgain) {
  write_bytes(path("a.aci"), aci_bytes("example.com/app", {{"bin", "binary"}}));
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  const std::string id = ASSERT_VALUE(import_text(store(), path("a.aci"))).id;
  const auto reference = ASSERT_VALUE(parse_reference(path("a.aci")));
  bool read = false;
  const ProgressCallback watch = [&](const LayerProgress&) { read = true; };
  EXPECT_EQ(ASSERT_VALUE(import_image(store(), reference, {}, watch)).id, id);
  EXPECT_FALSE(read);
  EXPECT_EQ(ASSERT_VALUE(import_image(store(), reference, {.use_cache = false}, watch)).id, id);
  EXPECT_TRUE(read);
  // Another image under the same name.
  write_bytes(path("a.aci"), aci_bytes("example.com/app", {{"bin", "other"}}));
  EXPECT_NE(ASSERT_VALUE(import_text(store(), path("a.aci"))).id, id);
}

TEST_F(ImportTest, AKnownManifestIsNotUnpackedAgain) {
  LayoutBuilder layout(path("layout"));
  const std::string text = layout.add("a", {one_file("x", "x")});
  const std::string id = ASSERT_VALUE(import_text(store(), text)).id;
  bool read = false;
  const auto reference = ASSERT_VALUE(parse_reference(text));
  EXPECT_EQ(ASSERT_VALUE(import_image(store(), reference, {}, [&](const LayerProgress&) { read = true; })).id,
            id);
  EXPECT_FALSE(read);
  EXPECT_EQ(ASSERT_VALUE(store().find_image("layout:a")).id, id);
}

TEST_F(ImportTest, ATagMovesToTheImageThatGotItLast) {
  LayoutBuilder old_layout(path("old/layout"));
  LayoutBuilder new_layout(path("new/layout"));
  const std::string old_text = old_layout.add("a", {one_file("x", "old")});
  const std::string new_text = new_layout.add("a", {one_file("x", "new")});
  const std::string old_id = ASSERT_VALUE(import_text(store(), old_text)).id;
  const std::string new_id = ASSERT_VALUE(import_text(store(), new_text)).id;
  EXPECT_EQ(ASSERT_VALUE(store().find_image("layout:a")).id, new_id);
  EXPECT_EQ(ASSERT_VALUE(import_text(store(), old_text)).id, old_id);
  EXPECT_EQ(ASSERT_VALUE(store().find_image("layout:a")).id, old_id);
}

TEST_F(ImportTest, AFailedImportLeavesNothing) {
  LayoutBuilder layout(path("layout"));
  const std::string good = one_file("good", "good");
  const std::string text = layout.add("a", {good, one_file("bad", std::string(100'000, 'b'))});
  // The second layer's blob gets another byte: the first one must not stay either.
  const std::string blob = agena::testing::gzip(one_file("bad", std::string(100'000, 'b')));
  std::string broken = blob;
  broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 1);
  write_bytes(path("layout/blobs/sha256/" + sha256_text(blob).substr(7)), broken);
  const auto record = import_text(store(), text);
  ASSERT_FALSE(record);
  EXPECT_NE(error_of(record).find(sha256_text(blob)), std::string::npos) << error_of(record);
  for (const char* directory : {"layers", "images", "blobs/sha256", "staging"})
    EXPECT_EQ(count(directory), 0U);
}

TEST_F(ImportTest, AHardLinkIntoALowerLayerIsKeyedByChain) {
  LayoutBuilder layout(path("layout"));
  const std::string link = TarBuilder().dir("d/").link("d/second", "d/first").done();
  const std::string one = layout.add("one", {one_file("first", "one"), link});
  const std::string two = layout.add("two", {one_file("first", "two"), link});
  const ImageRecord first = ASSERT_VALUE(import_text(store(), one));
  const ImageRecord second = ASSERT_VALUE(import_text(store(), two));
  ASSERT_EQ(first.layers.size(), 2U);
  EXPECT_EQ(first.layers[1].key.kind(), LayerKey::Kind::kChain);
  EXPECT_NE(first.layers[1].key, second.layers[1].key);
  EXPECT_EQ(content(first.layers[1].key, "d/second"), "one");
  EXPECT_EQ(content(second.layers[1].key, "d/second"), "two");
}

TEST_F(ImportTest, UsersAreLookedUpInTheImage) {
  LayoutBuilder layout(path("layout"));
  const std::string etc = TarBuilder()
                              .dir("etc/")
                              .file("etc/passwd", "root:x:0:0::/:\nweb:x:33:44::/:\n")
                              .file("etc/group", "adm:x:4:web\n")
                              .done();
  const std::string over = TarBuilder().dir("etc/").file("etc/passwd", "web:x:33:55::/:\n").done();
  const std::string text = layout.add("a", {etc, over}, R"({"User":"web"})");
  const ImageRecord record = ASSERT_VALUE(import_text(store(), text));
  EXPECT_EQ(record.manifest.app->user, "web");
  EXPECT_EQ(record.manifest.app->group, "55");
  EXPECT_EQ(record.manifest.app->supplementary_gids, std::vector<std::uint32_t>{4});
}

TEST_F(ImportTest, AcisAreRenderedOverTheirDependencies) {
  write_bytes(path("base.aci"),
              aci_bytes("example.com/base", {{"shared", "base"}, {"only", "base"}, {"gone", "x"}}));
  write_bytes(path("top.aci"), aci_bytes("example.com/top", {{"shared", "top"}, {"mine", "top"}},
                                         R"(,"dependencies":[{"imageName":"example.com/base"}],)"
                                         R"("pathWhitelist":["/shared","/only","/mine"])"));
  const auto missing = import_text(store(), path("top.aci"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), ErrorKind::kNotFound);
  EXPECT_NE(error_of(missing).find("dependency 'example.com/base' of 'example.com/top'"), std::string::npos);
  EXPECT_EQ(count("layers"), 0U);

  ASSERT_TRUE(ok(import_text(store(), path("base.aci"))));
  const ImageRecord record = ASSERT_VALUE(import_text(store(), path("top.aci")));
  ASSERT_EQ(record.layers.size(), 1U);
  ASSERT_EQ(record.sources.size(), 1U);
  const LayerKey& key = record.layers[0].key;
  EXPECT_EQ(key.kind(), LayerKey::Kind::kRendered);
  EXPECT_EQ(content(key, "shared"), "top");
  EXPECT_EQ(content(key, "only"), "base");
  EXPECT_EQ(content(key, "mine"), "top");
  EXPECT_EQ(content(key, "gone"), "(none)");
  // The dependency may go: the rendered layer has its files.
  ASSERT_TRUE(ok(store().remove_image(ASSERT_VALUE(store().find_image("example.com/base")).id)));
  ASSERT_TRUE(ok(store().sweep_layers([]() -> Result<std::set<LayerKey>> { return std::set<LayerKey>{}; })));
  EXPECT_EQ(content(key, "only"), "base");
}

TEST_F(ImportTest, ANewDependencyIsSeenThroughTheFileCache) {
  write_bytes(path("base1.aci"), aci_bytes("example.com/base", {{"f", "one"}}));
  write_bytes(path("base2.aci"), aci_bytes("example.com/base", {{"f", "two"}}));
  write_bytes(path("top.aci"),
              aci_bytes("example.com/top", {}, R"(,"dependencies":[{"imageName":"example.com/base"}])"));
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  ASSERT_TRUE(ok(import_text(store(), path("base1.aci"))));
  const ImageRecord first = ASSERT_VALUE(import_text(store(), path("top.aci")));
  EXPECT_EQ(content(first.layers[0].key, "f"), "one");
  ASSERT_TRUE(ok(import_text(store(), path("base2.aci"))));
  const ImageRecord second = ASSERT_VALUE(import_text(store(), path("top.aci")));
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(content(second.layers[0].key, "f"), "two");
}

TEST_F(ImportTest, RemoteImagesAreNotFetched) {
  const auto record = import_text(store(), "docker://busybox");
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(error_of(record).find("docker://busybox"), std::string::npos) << error_of(record);
}

TEST_F(ImportTest, VerifyingFindsEveryChange) {
  LayoutBuilder layout(path("layout"));
  const std::string text = layout.add("a", {one_file("file", "content"), one_file("other", "x")});
  const ImageRecord record = ASSERT_VALUE(import_text(store(), text));
  const std::string file = data_dir() + "/cas/layers/" + record.layers[0].key.str() + "/fs/d/file";
  const auto verdict = [&]() -> LayerVerdict {
    auto verdicts = store().verify_image(record);
    EXPECT_TRUE(ok(verdicts));
    EXPECT_EQ(verdicts->size(), 2U);
    EXPECT_EQ((*verdicts)[1].state, LayerVerdict::State::kIntact);
    return verdicts->front();
  };
  EXPECT_EQ(verdict().state, LayerVerdict::State::kIntact);

  struct stat st{};
  ASSERT_EQ(::stat(file.c_str(), &st), 0);
  const std::array<timespec, 2> times = {st.st_atim, st.st_mtim};
  write_bytes(file, "kontent");
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0), 0);
  EXPECT_EQ(verdict().state, LayerVerdict::State::kCorrupt);
  EXPECT_NE(verdict().detail.find("d/file"), std::string::npos) << verdict().detail;
  write_bytes(file, "content");
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0), 0);
  EXPECT_EQ(verdict().state, LayerVerdict::State::kIntact);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_EQ(verdict().state, LayerVerdict::State::kCorrupt);
  ASSERT_EQ(::unlink(file.c_str()), 0);
  EXPECT_EQ(verdict().state, LayerVerdict::State::kCorrupt);

  const std::string layer = data_dir() + "/cas/layers/" + record.layers[0].key.str();
  ASSERT_TRUE(ok(sys::remove_tree(sys::at_cwd(), layer)));
  EXPECT_EQ(verdict().state, LayerVerdict::State::kMissing);
  // For the check at the end of the test.
  ASSERT_TRUE(ok(store().remove_image(record.id)));
}

}  // namespace
}  // namespace agena::stage0
