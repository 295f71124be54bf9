#include "stage0/care/image_gc.h"

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

constexpr Nanoseconds kDay = 24 * 3600 * kSecond;
constexpr Nanoseconds kNow = 100 * kDay;

ImageRecord unused_for(Nanoseconds age, ImageRecord record) {
  record.last_used = kNow - age;
  return record;
}

PodImages pod_of(const std::string& digit) {
  return {.uuid = *Uuid::parse(digit + "0000000-0000-4000-8000-000000000000"),
          .directory = PodDirectory::kRun,
          .has_manifest = true,
          .app_images = {},
          .stage1_chain = {},
          .layers = {}};
}

void depend(ImageRecord& record, const std::string& name) {
  record.manifest.dependencies.push_back({.image_name = *schema::AcIdentifier::parse(name)});
}

using Kept = std::vector<std::optional<ImageKeeper>>;

TEST(ChooseKeptTest, GoesByTheLastUse) {
  const std::vector records = {unused_for(kDay, record_of("a", {"1"})),
                               unused_for(kDay - 1, record_of("b", {"2"})),
                               unused_for(-kDay, record_of("a clock that was set back", {"3"}))};
  EXPECT_EQ(choose_kept(records, {}, kDay, kNow), (Kept{{}, ImageKeeper::kRecent, ImageKeeper::kRecent}));
  EXPECT_EQ(choose_kept(records, {}, 0, kNow), (Kept{{}, {}, ImageKeeper::kRecent}));
}

TEST(ChooseKeptTest, ImagesOfPodsStay) {
  std::vector<ImageRecord> records;
  for (const char* name : {"app", "stage1", "base", "other", "half"})
    records.push_back(unused_for(kDay, record_of(name, {name})));
  records[4].layers.push_back(records[3].layers.front());
  PodImages by_id = pod_of("1");
  by_id.app_images = {records[0].id};
  PodImages by_chain = pod_of("2");
  by_chain.stage1_chain = records[1].chain_id;
  // Of a pod that was built on this image, and of which only one layer is also of another.
  PodImages by_layers = pod_of("3");
  by_layers.layers = {key_of("base"), key_of("half"), key_of("its own")};
  const Kept pod = {ImageKeeper::kPod, ImageKeeper::kPod, ImageKeeper::kPod, {}, {}};
  EXPECT_EQ(choose_kept(records, {by_id, by_chain, by_layers}, 0, kNow), pod);
  EXPECT_EQ(choose_kept(records, {}, 0, kNow), Kept(5));
}

TEST(ChooseKeptTest, WhatKeptImagesDependOnStays) {
  // top -> middle -> base (the newer of two), and a ring of two that nobody keeps.
  std::vector<ImageRecord> records = {unused_for(kDay, record_of("old base", {"0"}, "example.com/base")),
                                      unused_for(kDay, record_of("base", {"1"}, "example.com/base")),
                                      unused_for(kDay, record_of("middle", {"2"}, "example.com/middle")),
                                      unused_for(0, record_of("top", {"3"}, "example.com/top")),
                                      unused_for(kDay, record_of("ring a", {"4"}, "example.com/ring-a")),
                                      unused_for(kDay, record_of("ring b", {"5"}, "example.com/ring-b"))};
  depend(records[3], "example.com/middle");
  depend(records[3], "example.com/not-there");
  depend(records[2], "example.com/base");
  depend(records[4], "example.com/ring-b");
  depend(records[5], "example.com/ring-a");
  EXPECT_EQ(choose_kept(records, {}, kDay, kNow),
            (Kept{{}, ImageKeeper::kDependency, ImageKeeper::kDependency, ImageKeeper::kRecent, {}, {}}));
}

class CollectImagesTest : public StoreTest {};

TEST_F(CollectImagesTest, ReportsWhatItRemovesAndFrees) {
  ASSERT_TRUE(test::ok(add_layers(store(), {"shared", "only a's", "only b's"})));
  ASSERT_TRUE(test::ok(store().commit_image(record_of("a", {"shared", "only a's"}))));
  ASSERT_TRUE(test::ok(store().commit_image(record_of("b", {"shared", "only b's"}))));
  ImageGcRequest request{.data_dir = data_dir(), .dry_run = true};
  EXPECT_EQ(ASSERT_VALUE(collect_images(store(), request)).kept.size(), 2U);
  request.grace_period = 0;
  const ImageGcResult planned = ASSERT_VALUE(collect_images(store(), request));
  EXPECT_EQ(planned.removed.size(), 2U);
  EXPECT_EQ(planned.sweep.layers, 3U);
  EXPECT_EQ(names_in("images").size(), 2U);
  EXPECT_EQ(names_in("layers").size(), 3U);
  request.dry_run = false;
  const ImageGcResult done = ASSERT_VALUE(collect_images(store(), request));
  EXPECT_EQ(done.removed.size(), 2U);
  EXPECT_EQ(done.sweep.bytes, std::string("sharedonly a'sonly b's").size());
  EXPECT_FALSE(done.sweep.deferred);
  EXPECT_TRUE(names_in("images").empty());
  EXPECT_TRUE(names_in("layers").empty());
  EXPECT_TRUE(names_in("trash").empty());
  EXPECT_FALSE(store().find_image("example.com/app"));
}

}  // namespace
}  // namespace agena::stage0
