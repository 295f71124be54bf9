#include "stage0/care/image_rm.h"

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using test::ok;

constexpr const char* kName = "docker.io/library/app:1";
constexpr const char* kOther = "docker.io/library/app:2";

class ImageRmTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(ok(add_layers(store(), {"l"})));
  }
  std::string add(const std::string& text, std::vector<ImageName> names,
                  ImageFormat format = ImageFormat::kDocker) {
    ImageRecord record = record_of(text, {"l"});
    record.format = format;
    if (format == ImageFormat::kDocker) record.oci = OciFacts{};
    record.names = std::move(names);
    EXPECT_TRUE(ok(store().commit_image(record)));
    return record.id;
  }
  bool there(const std::string& id) { return store().read_image(id).has_value(); }
};

TEST_F(ImageRmTest, ANameOfSeveralGoesAlone) {
  const std::string id = add("a", {{.name = kName, .time = 1}, {.name = kOther, .time = 1}});
  const RemovedImage first = ASSERT_VALUE(remove_image_or_name(store(), "app:1"));
  EXPECT_EQ(first.only_name, kName);
  EXPECT_EQ(first.id, id);
  EXPECT_TRUE(there(id));
  EXPECT_FALSE(store().find_image(kName));
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), "app:2")).only_name, "");
  EXPECT_FALSE(there(id));
}

TEST_F(ImageRmTest, APinnedDigestIsNoOtherName) {
  const std::string pinned = "docker.io/library/app@" + sha256("m").str();
  const std::string id = add("a", {{.name = kName, .time = 1}, {.name = pinned, .time = 1}});
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), kName)).only_name, "");
  EXPECT_FALSE(there(id));
}

TEST_F(ImageRmTest, ByIdTheImageGoesWithAllNames) {
  const std::string id = add("a", {{.name = kName, .time = 1}, {.name = kOther, .time = 1}});
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), id.substr(0, 20))).only_name, "");
  EXPECT_FALSE(there(id));
}

TEST_F(ImageRmTest, ADamagedRecordGoesByItsId) {
  const std::string id = add("a", {{.name = kName, .time = 1}});
  const std::string path = "data/cas/images/" + id;
  ASSERT_TRUE(ok(sys::write_file(dir(), path, "{\"version\":99}\n{}\n")));
  EXPECT_EQ(remove_image_or_name(store(), id).error().kind(), ErrorKind::kUnsupported) << "a newer program's";
  ASSERT_TRUE(ok(sys::write_file(dir(), path, "")));
  EXPECT_FALSE(remove_image_or_name(store(), id.substr(0, 20)));
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), id)).id, id);
  EXPECT_FALSE(*sys::exists(dir(), path));
}

TEST_F(ImageRmTest, AnAciHasAlwaysItsOwnName) {
  const std::string id = add("a", {{.name = kName, .time = 1}}, ImageFormat::kAci);
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), kName)).only_name, kName);
  EXPECT_TRUE(there(id));
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), "example.com/app")).only_name, "");
  EXPECT_FALSE(there(id));
}

TEST_F(ImageRmTest, ANameThatAnotherImageHasGotIsNoName) {
  const std::string old = add("old", {{.name = kName, .time = 1}, {.name = kOther, .time = 1}});
  const std::string newest = add("newest", {{.name = kName, .time = 2}});
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), kOther)).only_name, "");
  EXPECT_FALSE(there(old));
  EXPECT_EQ(ASSERT_VALUE(store().find_image(kName)).id, newest);
}

TEST_F(ImageRmTest, AnEarlierHolderOfTheNameDoesNotGetItBack) {
  const std::string old = add("old", {{.name = kName, .time = 1}, {.name = kOther, .time = 1}});
  const std::string newest = add("newest", {{.name = kName, .time = 2}});
  EXPECT_EQ(ASSERT_VALUE(remove_image_or_name(store(), kName)).id, newest);
  EXPECT_FALSE(there(newest));
  EXPECT_TRUE(there(old));
  EXPECT_FALSE(store().find_image(kName));
  EXPECT_EQ(ASSERT_VALUE(store().find_image(kOther)).id, old);
}

}  // namespace
}  // namespace agena::stage0
