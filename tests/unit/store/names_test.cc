// Names of images: given and taken, and what they find.
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <thread>

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
  // Writes a name into a record, behind the store's back.
  void hold(const std::string& id, const std::string& name, Nanoseconds time) {
    ImageRecord record = ASSERT_VALUE(store().read_image(id));
    record.names.push_back({.name = name, .time = time});
    const std::string path = "data/cas/images/" + id;
    ASSERT_TRUE(ok(sys::remove_file(dir(), path)));
    ASSERT_TRUE(ok(sys::write_file(dir(), path, ASSERT_VALUE(image_record_to_json(record)))));
  }
  std::vector<std::string> names_of(const std::string& id) {
    std::vector<std::string> names;
    const auto record = store().read_image(id);
    if (record)
      for (const ImageName& name : record->names) names.push_back(name.name);
    return names;
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
  const std::string b = add("b");
  hold(b, "docker.io/library/app:1", 2);  // as stores of older programs have it
  EXPECT_EQ(ASSERT_VALUE(store().fetched_name("app:1")), "docker.io/library/app:1");
  auto losers = ASSERT_VALUE(store().remove_name("docker.io/library/app:1"));
  std::ranges::sort(losers);
  EXPECT_EQ(losers, (std::vector{std::min(a, b), std::max(a, b)}));
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

TEST_F(NamesTest, AnImportTakesTheNameFromItsOldHolder) {
  const std::string name = "docker.io/library/app:1";
  const std::string old =
      add("old", {{.name = name, .time = 1}, {.name = "docker.io/library/old:1", .time = 1}});
  const std::string next = add("next", {{.name = name, .time = 2}});
  EXPECT_EQ(names_of(old), std::vector<std::string>{"docker.io/library/old:1"});
  EXPECT_EQ(names_of(next), std::vector{name});
  // One that has been overtaken does not get it.
  const std::string late = add("late", {{.name = name, .time = 1}});
  EXPECT_TRUE(names_of(late).empty());
  EXPECT_EQ(holder("app:1"), next);
  // Gone with the image: no other has it still.
  ASSERT_TRUE(ok(store().remove_image(next)));
  EXPECT_FALSE(store().find_image("app:1"));
}

TEST_F(NamesTest, ATimeInTheFutureKeepsNoName) {
  const std::string name = "docker.io/library/app:1";
  const std::string wrong = add("wrong", {{.name = name, .time = now() + 3600 * kSecond}});
  const std::string right = add("right", {{.name = name, .time = now()}});
  EXPECT_EQ(holder("app:1"), right);
  EXPECT_TRUE(names_of(wrong).empty());
}

TEST_F(NamesTest, ANameWithADigestIsHeldBySeveral) {
  const std::string index = "docker.io/library/app@" + sha256("index").str();
  const std::string a = add("a", {{.name = index, .time = 1}});
  const std::string b = add("b", {{.name = index, .time = 2}});
  const auto holders = ASSERT_VALUE(store().holders_of(index));
  ASSERT_EQ(holders.size(), 2U);
  EXPECT_EQ(holders[0].id, b);
  EXPECT_EQ(holders[1].id, a);
}

TEST_F(NamesTest, ANameGotLaterStays) {
  const std::string a = add("a", {{.name = "docker.io/library/app:1", .time = 5}});
  EXPECT_TRUE(ASSERT_VALUE(store().remove_name("docker.io/library/app:1", 4)).empty());
  EXPECT_EQ(holder("app:1"), a);
  EXPECT_EQ(ASSERT_VALUE(store().remove_name("docker.io/library/app:1", 5)), std::vector{a});
}

// Whatever comes between, one image has the name in the end, and it is the one that has it last.
TEST_F(NamesTest, TagsAtTheSameTimeLeaveOneHolder) {
  const std::string name = "docker.io/library/app:1";
  const std::vector<std::string> ids = {add("a"), add("b"), add("c")};
  for (int round = 0; round < 3; ++round) {
    {
      std::vector<std::jthread> threads;
      for (const std::string& id : ids)
        threads.emplace_back([&, id] {
          Store other = open_again();
          EXPECT_TRUE(ok(other.add_name(id, name)));
        });
    }
    const auto holders = std::ranges::count_if(ids, [&](const auto& id) { return !names_of(id).empty(); });
    EXPECT_EQ(holders, 1);
    EXPECT_EQ(ASSERT_VALUE(store().holders_of(name)).size(), 1U);
  }
}

TEST_F(NamesTest, AManifestIsNoConfig) {
  const std::string a = add("a");
  ImageRecord trap = record_of("trap", {"l"});
  trap.format = ImageFormat::kDocker;
  trap.oci = OciFacts{.config_digest = sha256("manifest of a")};
  ASSERT_TRUE(ok(store().commit_image(trap)));
  EXPECT_EQ(ASSERT_VALUE(store().find_by_manifest(sha256("manifest of a")))->id, a);
  ASSERT_TRUE(ok(store().remove_image(a)));
  EXPECT_FALSE(ASSERT_VALUE(store().find_by_manifest(sha256("manifest of a"))));
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

TEST_F(NamesTest, AnImageThatGotANameIsNotRemovedForHavingNone) {
  const std::string id = add("one", {{.name = "docker.io/library/app:1", .time = 1}});
  const std::vector<ImageName> before = ASSERT_VALUE(store().read_image(id)).names;
  ASSERT_TRUE(ok(store().add_name(id, "docker.io/library/app:2")));
  EXPECT_EQ(store().remove_image(id, &before).error().kind(), ErrorKind::kBusy);
  const std::vector<ImageName> now = ASSERT_VALUE(store().read_image(id)).names;
  EXPECT_TRUE(ok(store().remove_image(id, &now)));
  EXPECT_EQ(store().remove_image(id, &now).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace agena::stage0
