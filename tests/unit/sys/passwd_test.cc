#include "common/sys/passwd.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using test::ok;

TEST(ParsePasswd, ReadsEntriesAndSkipsWhatIsNone) {
  const auto entries = parse_passwd(
      "root:x:0:0:root:/root:/bin/sh\n"
      "# comment:x:1:1::/:\n"
      "+nis::::::\n"
      "short:x:5\n"
      ":x:6:6:::\n"
      "letters:x:a:6:::\n"
      "huge:x:4294967296:6:::\n"
      "nobody-id:x:4294967295:6:::\n"
      "sign:x:+7:6:::\n"
      "few:x:7:8\n"
      "\n"
      "last:x:4294967294:0::/srv:/bin/false");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0], (PasswdEntry{"root", 0, 0, "/root", "/bin/sh"}));
  EXPECT_EQ(entries[1], (PasswdEntry{"few", 7, 8, "", ""}));
  EXPECT_EQ(entries[2], (PasswdEntry{"last", 4294967294, 0, "/srv", "/bin/false"}));
}

TEST(ParseGroup, ReadsMembers) {
  const auto entries = parse_group("wheel:x:10:root,,www\nempty:x:11:\nbare:x:12\nbad:x:-1:a\n");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0], (GroupEntry{"wheel", 10, {"root", "www"}}));
  EXPECT_EQ(entries[1], (GroupEntry{"empty", 11, {}}));
  EXPECT_EQ(entries[2], (GroupEntry{"bare", 12, {}}));
}

class ResolveIdentity : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ok(make_dirs(root_.dir(), "etc")));
    ASSERT_TRUE(ok(write_file(root_.dir(), "etc/passwd",
                              "root:x:0:0::/root:\nwww:x:33:44::/srv:\ntwin:x:33:45::/:\n1000:x:7:7::/:\n")));
    ASSERT_TRUE(
        ok(write_file(root_.dir(), "etc/group", "web:x:50:www\nmail:x:60:other,www\nroots:x:70:root\n")));
  }

  Result<Identity> resolve(std::string_view user, std::string_view group,
                           const std::vector<gid_t>& extra = {}) {
    return resolve_identity(root_.dir(), user, group, extra);
  }

  test::TempDir root_;
};

TEST_F(ResolveIdentity, Numbers) {
  EXPECT_EQ(*resolve("1000", "2000"), (Identity{1000, 2000, {}}));
  EXPECT_EQ(*resolve("33", "44", {9, 3, 9}), (Identity{33, 44, {3, 9}}));
}

TEST_F(ResolveIdentity, NamesWithAGivenGroupHaveNoOtherGroups) {
  EXPECT_EQ(*resolve("www", "mail"), (Identity{33, 60, {}}));
  EXPECT_EQ(*resolve("www", "0", {5}), (Identity{33, 0, {5}}));
}

TEST_F(ResolveIdentity, WithoutAGroupDockersRuleHolds) {
  EXPECT_EQ(*resolve("www", "", {60, 1}), (Identity{33, 44, {1, 50, 60}}));
  // A number takes the first entry with that uid; none at all means group 0.
  EXPECT_EQ(*resolve("33", ""), (Identity{33, 44, {50, 60}}));
  EXPECT_EQ(*resolve("4711", ""), (Identity{4711, 0, {}}));
  EXPECT_EQ(*resolve("", ""), (Identity{0, 0, {70}}));
}

TEST_F(ResolveIdentity, APathMeansItsOwnerInsideTheRoot) {
  ASSERT_TRUE(ok(write_file(root_.dir(), "owned", "")));
  // An absolute symlink must not lead to the host's file.
  ASSERT_TRUE(ok(make_symlink("/owned", root_.dir(), "link")));
  EXPECT_EQ(*resolve("/link", "/etc/../link"), (Identity{::geteuid(), ::getegid(), {}}));
  const auto missing = resolve("/nope", "0");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().to_string(),
            "looking for the owner of '/nope': opening '/nope': no such file or directory");
}

TEST_F(ResolveIdentity, UnknownNamesAreErrors) {
  EXPECT_EQ(resolve("nope", "").error().to_string(), "user 'nope' not found in the image's /etc/passwd");
  EXPECT_EQ(resolve("0", "nope").error().to_string(), "group 'nope' not found in the image's /etc/group");
  // Too large for an id, so it can only be a name.
  EXPECT_EQ(resolve("4294967295", "0").error().kind(), ErrorKind::kNotFound);
}

TEST_F(ResolveIdentity, TheHostsDatabasesDoNotCount) {
  ASSERT_TRUE(ok(remove_file(root_.dir(), "etc/passwd")));
  ASSERT_TRUE(ok(make_symlink("/etc/passwd-elsewhere", root_.dir(), "etc/passwd")));
  EXPECT_FALSE(resolve("root", "0"));
  EXPECT_EQ(*resolve("0", ""), (Identity{0, 0, {}}));
  // Nor does an image without /etc make numbers fail.
  ASSERT_TRUE(ok(remove_tree(root_.dir(), "etc")));
  ASSERT_TRUE(ok(write_file(root_.dir(), "etc", "a file")));
  EXPECT_EQ(*resolve("5", ""), (Identity{5, 0, {}}));
}

}  // namespace
}  // namespace agena::sys
