// Names of images: given and taken, and what they find.
#include <sys/stat.h>

#include <ctime>

#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

using test::ok;

class NamesTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(ok(add_layers(store(), {"l"})));
  }
  std::string add(const std::string& text, std::vector<ImageName> names = {}) {
    ImageRecord record = record_of(text, {"l"});
    record.format = ImageFormat::kOci;
    record.oci = OciFacts{.manifest_digest = sha256("manifest of " + text)};
    record.names = std::move(names);
    EXPECT_TRUE(ok(store().put_blob(sha256("manifest of " + text), "manifest of " + text)));
    EXPECT_TRUE(ok(store().commit_image(record)));
    return record.id;
  }
  std::string holder(const std::string& text) {
    const auto found = store().find_image(text);
    return found ? found->id : found.error().to_string();
  }
};

TEST_F(NamesTest, ATagMovesTheName) {
  const std::string a = add("a");
  const std::string b = add("b");
  ASSERT_TRUE(ok(store().add_name(a, "docker.io/library/app:1")));
  EXPECT_EQ(holder("app:1"), a);
  const ImageRecord record = ASSERT_VALUE(store().add_name(b, "docker.io/library/app:1"));
  EXPECT_EQ(record.names.size(), 1U);
  EXPECT_EQ(holder("app:1"), b);
  EXPECT_TRUE(ASSERT_VALUE(store().read_image(a)).names.empty());
  EXPECT_EQ(ASSERT_VALUE(open_again().find_image("docker://app:1")).id, b);
  EXPECT_EQ(store().add_name(id_of("nobody"), "docker.io/library/x:1").error().kind(), ErrorKind::kNotFound);
}

TEST_F(NamesTest, ANameTakenIsNobodys) {
  const std::string a = add("a", {{.name = "docker.io/library/app:1", .time = 1}});
  const std::string b = add("b", {{.name = "docker.io/library/app:1", .time = 2}});
  EXPECT_EQ(ASSERT_VALUE(store().fetched_name("app:1")), "docker.io/library/app:1");
  EXPECT_EQ(ASSERT_VALUE(store().remove_name("docker.io/library/app:1")), (std::vector{b, a}));
  EXPECT_FALSE(store().find_image("app:1"));
  EXPECT_EQ(ASSERT_VALUE(store().fetched_name("app:1")), std::nullopt);
  EXPECT_TRUE(ASSERT_VALUE(store().remove_name("docker.io/library/app:1")).empty());
}

TEST_F(NamesTest, ATagIsNoUse) {
  const std::string a = add("a");
  const std::array times = {timespec{.tv_sec = 1, .tv_nsec = 0},
                            timespec{.tv_sec = 1'700'000'000, .tv_nsec = 5}};
  ASSERT_EQ(::utimensat(dir().get(), ("data/cas/images/" + a).c_str(), times.data(), 0), 0);
  const ImageRecord record = ASSERT_VALUE(store().add_name(a, "docker.io/library/app:1"));
  EXPECT_EQ(record.last_used, 1'700'000'000 * kSecond + 5);
}

TEST_F(NamesTest, FindsByNameAndDigest) {
  const std::string digest = sha256("manifest of a").str();
  const std::string a = add("a", {{.name = "localhost:5000/team/app:1", .time = 1},
                                  {.name = "docker.io/library/app@" + sha256("an index").str(), .time = 1}});
  EXPECT_EQ(holder("localhost:5000/team/app@" + digest), a);
  EXPECT_EQ(holder("localhost:5000/team/app:2@" + digest), a);  // a digest overrules the tag
  EXPECT_EQ(holder("docker://localhost:5000/team/app@" + digest), a);
  EXPECT_EQ(holder("app@" + sha256("an index").str()), a);
  // The digest is right and the repository is not, and the other way round.
  for (const std::string& text :
       {"localhost:5000/other@" + digest, "localhost:5000/team/app@" + sha256("x").str()})
    EXPECT_EQ(store().find_image(text).error().kind(), ErrorKind::kNotFound) << text;
  EXPECT_EQ(store().find_image("app@sha256:123").error().kind(), ErrorKind::kInvalidInput);
}

TEST_F(NamesTest, OriginsAreKeptLatestFirst) {
  ImageRecord record = record_of("a", {"l"});
  for (int i = 0; i < 10; ++i) {
    record.origins = {"/image" + std::to_string(i) + ".aci"};
    ASSERT_TRUE(ok(store().commit_image(record)));
  }
  const auto origins = ASSERT_VALUE(store().read_image(record.id)).origins;
  ASSERT_EQ(origins.size(), kMaxOrigins);
  EXPECT_EQ(origins.front(), "/image9.aci");
  EXPECT_EQ(origins.back(), "/image2.aci");
}

}  // namespace
}  // namespace agena::stage0
