#include <set>

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
  ASSERT_TRUE(ok(import.claim(std::vector{key_of("import"), key_of("to come")})));

  const auto report = ASSERT_VALUE(
      store().sweep_layers([]() -> Result<std::set<LayerKey>> { return std::set{key_of("pod")}; }));
  EXPECT_EQ(report.layers, 1U);
  EXPECT_EQ(report.blobs, 1U);
  for (const char* kept : {"image", "pod", "import", "source"}) EXPECT_TRUE(*store().has_layer(key_of(kept)));
  EXPECT_FALSE(*store().has_layer(key_of("nobody")));
  EXPECT_TRUE(names_in("trash").empty());
  EXPECT_EQ(names_in("staging").size(), 1U);
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
