#include "stage0/care/repair.h"

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using Texts = std::vector<std::string>;

TEST(ReferencesOfTest, UrlsAreAskedAgainIfTheyAreKnownWhole) {
  ImageRecord record = record_of("app", {"1"});
  record.format = ImageFormat::kAci;
  record.names = {{.name = "https://example.com/app.aci", .time = 1}};
  EXPECT_EQ(references_of(record), (Texts{"https://example.com/app.aci"}));
  // Of its query the store knows a hash only, which is no query to send to a server.
  record.names = {{.name = "https://example.com/app.aci?query=0123456789ab", .time = 1}};
  EXPECT_EQ(references_of(record), (Texts{"example.com/app:1"}));
}

class CheckTest : public StoreTest {};

TEST_F(CheckTest, WhatIsRemovedMeanwhileIsNotDamaged) {
  ASSERT_TRUE(test::ok(add_layers(store(), {"a"})));
  const ImageRecord record = ASSERT_VALUE(store().commit_image(record_of("one", {"a"})));
  EXPECT_EQ(ASSERT_VALUE(check_image(store(), record)).faults.size(), 1U) << "its tree record is empty";
  ASSERT_TRUE(test::ok(store().remove_image(record.id)));
  EXPECT_EQ(check_image(store(), record).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(names_in("staging").empty());
}

}  // namespace
}  // namespace agena::stage0
