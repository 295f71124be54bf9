#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <thread>

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using test::ok;

Result<std::set<LayerKey>> no_pods() { return std::set<LayerKey>{}; }

class SweepTest : public StoreTest {};

TEST_F(SweepTest, KeepsWhatImagesPodsAndImportsUse) {
  ASSERT_TRUE(ok(add_layers(store(), {"image", "pod", "import", "source", "nobody"})));
  ImageRecord record = record_of("x", {"image"});
  record.sources = {{.key = key_of("source"), .size = 1}};
  record.oci = OciFacts{.config_digest = sha256("kept")};
  for (const char* document : {"kept", "lost"}) ASSERT_TRUE(ok(store().put_blob(sha256(document), document)));
  ASSERT_TRUE(ok(store().commit_image(record)));
  const Staging import = ASSERT_VALUE(store().stage());
  ASSERT_TRUE(ok(store().claim(import, std::vector{key_of("import"), key_of("to come")})));

  const auto report = ASSERT_VALUE(
      store().sweep_layers([]() -> Result<std::set<LayerKey>> { return std::set{key_of("pod")}; }));
  EXPECT_EQ(report.layers, 1U);
  EXPECT_EQ(report.blobs, 1U);
  for (const char* kept : {"image", "pod", "import", "source"}) EXPECT_TRUE(*store().has_layer(key_of(kept)));
  EXPECT_FALSE(*store().has_layer(key_of("nobody")));
  EXPECT_EQ(report.bytes, std::string("nobody").size() + std::string("lost").size());
  EXPECT_EQ(names_in("staging").size(), 1U);
}

TEST_F(SweepTest, TheDeadNeedNothing) {
  ASSERT_TRUE(ok(add_layers(store(), {"dead"})));
  ASSERT_TRUE(ok(sys::make_dirs(dir(), "data/cas/staging/1-dead")));
  ASSERT_TRUE(ok(sys::write_file(dir(), "data/cas/staging/1-dead/claims", key_of("dead").str() + "\n")));
  ASSERT_TRUE(ok(sys::write_file(dir(), "data/cas/staging/file", "x")));
  EXPECT_EQ(ASSERT_VALUE(store().sweep_layers(no_pods)).layers, 1U);
}

TEST_F(SweepTest, DeletesNothingIfItCannotReadWhatImportsNeed) {
  ASSERT_TRUE(ok(add_layers(store(), {"needed?"})));
  ASSERT_TRUE(ok(sys::make_dirs(dir(), "data/cas/staging/1-import/claims")));
  EXPECT_FALSE(store().sweep_layers(no_pods));
  EXPECT_TRUE(*store().has_layer(key_of("needed?")));
}

TEST_F(SweepTest, NobodyClaimsBetweenASweepsLookAndItsTaking) {
  ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  Store other = open_again();
  const Staging import = ASSERT_VALUE(other.stage());
  std::atomic<bool> claimed = false;
  std::optional<std::jthread> importer;
  // Asked for under the lock: an import that comes now has to wait, and finds the layer gone.
  ASSERT_TRUE(ok(store().sweep_layers([&]() -> Result<std::set<LayerKey>> {
    importer.emplace([&] {
      EXPECT_TRUE(ok(other.claim(import, std::vector{key_of("a")})));
      claimed = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(claimed);
    return std::set<LayerKey>{};
  })));
  importer.reset();
  EXPECT_TRUE(claimed);
  EXPECT_FALSE(*store().has_layer(key_of("a")));
}

TEST_F(SweepTest, DeletesWhenNobodyImports) {
  // Whether it waits depends on the room on the disk as well, so the directory decides which of the two
  // holds.
  ASSERT_TRUE(ok(add_layers(store(), {"a", "b"})));
  {
    const Staging import = ASSERT_VALUE(open_again().stage());
    const auto report = ASSERT_VALUE(store().sweep_layers(no_pods));
    EXPECT_EQ(report.layers, 2U);
    EXPECT_TRUE(names_in("layers").empty());
    EXPECT_EQ(names_in("trash").empty(), !report.deferred);
  }
  EXPECT_TRUE(ASSERT_VALUE(store().delete_trash()));
  EXPECT_TRUE(names_in("trash").empty());
}

TEST_F(SweepTest, ATidyStoreHasNoDeadStaging) {
  ASSERT_TRUE(ok(sys::make_dirs(dir(), "data/cas/staging/1-dead/fs/deep")));
  ASSERT_TRUE(ok(sys::write_file(dir(), "data/cas/staging/file", "x")));
  const Staging alive = ASSERT_VALUE(store().stage());
  ASSERT_TRUE(ok(store().tidy()));
  EXPECT_EQ(names_in("staging"), std::vector{alive.name()});
  ASSERT_TRUE(ok(store().empty_trash()));
  EXPECT_TRUE(names_in("trash").empty());
}

TEST_F(SweepTest, ForgetsChosenImagesWithTheirLayers) {
  ASSERT_TRUE(ok(add_layers(store(), {"a", "b"})));
  for (const char* name : {"a", "b"}) ASSERT_TRUE(ok(store().commit_image(record_of(name, {name}))));
  Store::Sweep sweep{.used_by_pods = no_pods, .choose_images = [](const std::vector<ImageRecord>& records) {
                       EXPECT_EQ(records.size(), 2U);
                       return Result<std::vector<std::string>>(std::vector{id_of("a")});
                     }};
  sweep.dry_run = true;
  EXPECT_EQ(ASSERT_VALUE(store().sweep(sweep)).layers, 1U);
  EXPECT_EQ(names_in("images").size(), 2U);
  sweep.dry_run = false;
  const auto report = ASSERT_VALUE(store().sweep(sweep));
  EXPECT_EQ(report.images, std::vector{id_of("a")});
  EXPECT_EQ(report.layers, 1U);
  EXPECT_EQ(names_in("images"), std::vector{id_of("b")});
  EXPECT_EQ(names_in("layers"), std::vector{key_of("b").str()});
  EXPECT_EQ(ASSERT_VALUE(store().find_image("example.com/app")).id, id_of("b"));
}

// As a process leaves it that is killed while it waits for the network.
TEST_F(SweepTest, WhatTheDeadSetAsideComesBack) {
  ASSERT_TRUE(ok(add_layers(store(), {"a", "b"})));
  ASSERT_TRUE(ok(store().put_blob(sha256("doc"), "doc")));
  const std::string dead = "data/cas/staging/1-dead";
  {
    const std::array layers = {key_of("a"), key_of("not there"), key_of("b")};
    const std::array documents = {sha256("doc")};
    const auto aside = ASSERT_VALUE(store().set_aside(layers, documents, []() -> Result<> { return {}; }));
    EXPECT_TRUE(names_in("layers").empty());
    // Under another name its owner does not find it again.
    ASSERT_TRUE(ok(sys::rename_at(dir(), "data/cas/staging/" + names_in("staging").front(), dir(), dead)));
    ASSERT_TRUE(ok(store().tidy()));
    EXPECT_TRUE(names_in("layers").empty()) << "its owner lives";
  }
  ASSERT_TRUE(ok(add_layers(store(), {"b"})));
  ASSERT_TRUE(ok(store().tidy()));
  for (const char* name : {"a", "b"}) EXPECT_TRUE(*store().has_layer(key_of(name)));
  EXPECT_TRUE(store().read_blob(sha256("doc")));
  EXPECT_TRUE(names_in("staging").empty());
  // A list that nobody of us wrote moves nothing.
  ASSERT_TRUE(ok(sys::make_dirs(dir(), dead + "/0")));
  ASSERT_TRUE(ok(sys::write_file(dir(), dead + "/aside", "../locks/x\n")));
  ASSERT_TRUE(ok(store().tidy()));
  EXPECT_FALSE(*sys::exists(dir(), "data/locks/x"));
  EXPECT_TRUE(names_in("staging").empty());
}

TEST_F(SweepTest, WhatIsSetAsideComesBackOrGoes) {
  ASSERT_TRUE(ok(add_layers(store(), {"a", "b"})));
  ASSERT_TRUE(ok(store().put_blob(sha256("doc"), "doc")));
  const std::array layers = {key_of("a"), key_of("not there"), key_of("b")};
  const std::array documents = {sha256("doc")};
  const auto fine = []() -> Result<> { return {}; };
  const auto refused = store().set_aside(
      layers, documents, []() -> Result<> { return fail(ErrorKind::kBusy, "a pod uses it"); });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(*store().has_layer(key_of("a")));
  {
    auto aside = ASSERT_VALUE(store().set_aside(layers, documents, fine));
    EXPECT_FALSE(*store().has_layer(key_of("a")));
    EXPECT_FALSE(store().read_blob(sha256("doc")));
    ASSERT_TRUE(ok(add_layers(store(), {"a"})));
    ASSERT_TRUE(ok(std::move(aside).put_back()));
    for (const char* name : {"a", "b"}) EXPECT_TRUE(*store().has_layer(key_of(name)));
    EXPECT_TRUE(store().read_blob(sha256("doc")));
  }
  {
    const auto gone = ASSERT_VALUE(store().set_aside(layers, documents, fine));
  }
  EXPECT_TRUE(names_in("layers").empty());
  EXPECT_TRUE(names_in("staging").empty());
}

TEST_F(SweepTest, HoldsTheLockExclusivelyWhileItAsks) {
  const auto report = store().sweep_layers([&]() -> Result<std::set<LayerKey>> {
    auto fd = sys::open_at(dir(), "data/locks/prepareLock", O_RDWR);
    EXPECT_TRUE(ok(fd));
    const auto shared = sys::FileLock::try_now(*std::move(fd), sys::LockMode::kShared);
    EXPECT_TRUE(ok(shared));
    EXPECT_FALSE(shared->has_value());
    return std::set<LayerKey>{};
  });
  EXPECT_TRUE(ok(report));
  const auto lock = store().lock_prepare(sys::LockMode::kShared);
  EXPECT_TRUE(ok(lock));
}

TEST_F(SweepTest, DoesNothingIfPodsCannotBeAsked) {
  ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  const auto report = store().sweep_layers(
      []() -> Result<std::set<LayerKey>> { return fail(ErrorKind::kSystem, "no pods to be read"); });
  EXPECT_FALSE(report);
  EXPECT_TRUE(*store().has_layer(key_of("a")));
}

TEST_F(SweepTest, ARecordOfANewerProgramStopsIt) {
  ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  ASSERT_TRUE(ok(store().commit_image(record_of("x", {}))));
  const std::string path = "data/cas/images/" + id_of("x");
  std::string text = ASSERT_VALUE(sys::read_file(dir(), path));
  text.replace(text.find("\"version\":1"), 11, "\"version\":9");
  ASSERT_TRUE(ok(sys::write_file(dir(), path, text)));
  EXPECT_FALSE(store().sweep_layers(no_pods));
  EXPECT_TRUE(*store().has_layer(key_of("a")));
  // One that is no record at all keeps nothing.
  ASSERT_TRUE(ok(sys::write_file(dir(), path, "junk")));
  EXPECT_EQ(ASSERT_VALUE(store().sweep_layers(no_pods)).layers, 1U);
}

TEST_F(SweepTest, LeavesUnknownNamesAlone) {
  ASSERT_TRUE(ok(sys::make_dirs(dir(), "data/cas/layers/erofs-sha256-0123")));
  EXPECT_EQ(ASSERT_VALUE(store().sweep_layers(no_pods)).layers, 0U);
  EXPECT_EQ(names_in("layers").size(), 1U);
}

TEST_F(SweepTest, AnImageWhoseLayerWasSweptIsNotCommitted) {
  ASSERT_TRUE(ok(add_layers(store(), {"a"})));
  ASSERT_TRUE(ok(store().sweep_layers(no_pods)));
  EXPECT_EQ(store().commit_image(record_of("x", {"a"})).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace agena::stage0
