// Paths below a root that somebody else has filled: where they lead, and what is made for them.
#include "common/sys/path_in_root.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/fs.h"
#include "common/sys/mount_plan.h"
#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using agena::test::ok;

class PathInRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ok(make_dirs(top_.dir(), "root/a/b")));
    ASSERT_TRUE(ok(make_dirs(top_.dir(), "outside")));
    root_ = *open_dir(top_.dir(), "root");
    link("/a", "root/absolute");
    link("../../../a", "root/a/climbs");
    link(top_.path() + "/outside", "root/escapes");
    link("missing/deep", "root/dangles");
    link("loop", "root/loop");
    ASSERT_TRUE(ok(write_file(root_, "file", "")));
  }

  void link(const std::string& text, const std::string& path) {
    ASSERT_EQ(::symlinkat(text.c_str(), top_.dir().get(), path.c_str()), 0) << path;
  }

  test::TempDir top_;
  DirFd root_;
};

TEST_F(PathInRoot, Resolves) {
  struct Case {
    const char* path;
    const char* place;
  };
  const std::string outside = top_.path().substr(1) + "/outside";
  const Case cases[] = {
      {"/", ""},
      {".", ""},
      {"/../..", ""},
      {"/a//b/.", "a/b"},
      {"a/../a/b", "a/b"},
      {"/absolute/b", "a/b"},
      {"/absolute/climbs/b/new", "a/b/new"},
      {"/escapes/x", nullptr},
      {"/dangles/x", "missing/deep/x"},
      {"/not/here", "not/here"},
      {"/file/x", "file/x"},
  };
  for (const Case& one : cases) {
    const auto place = resolve_in_root(root_, one.path);
    ASSERT_TRUE(ok(place)) << one.path;
    EXPECT_EQ(*place, one.place == nullptr ? outside + "/x" : one.place) << one.path;
  }
  EXPECT_EQ(resolve_in_root(root_, "/loop/x").error().sys_errno(), ELOOP);
}

TEST_F(PathInRoot, MakesMountPointsBehindLinks) {
  ASSERT_TRUE(ok(make_mount_point(root_, "/absolute/new/dir", false)));
  EXPECT_TRUE(S_ISDIR(stat_at(root_, "a/new/dir")->st_mode));
  ASSERT_TRUE(ok(make_mount_point(root_, "/dangles", true)));
  EXPECT_TRUE(S_ISREG(stat_at(root_, "missing/deep")->st_mode));
  ASSERT_TRUE(ok(make_mount_point(root_, "/escapes/made", false)));
  EXPECT_FALSE(*exists(top_.dir(), "outside/made"));
  EXPECT_TRUE(*exists(root_, top_.path().substr(1) + "/outside/made"));
  EXPECT_EQ(make_mount_point(root_, "/file/x", false).error().sys_errno(), ENOTDIR);
}

TEST_F(PathInRoot, OrdersMountsByPlace) {
  MountPlan plan = {{.target = "/a/b/c"},    {.target = "/z"},
                    {.target = "/absolute"}, {.target = "/a/b", .source = "1"},
                    {.target = "/a-b"},      {.target = "/a/climbs/b", .source = "2"}};
  ASSERT_TRUE(ok(order_by_place(root_, plan)));
  std::string order;
  for (const MountOp& op : plan) order += op.target + op.source + " ";
  EXPECT_EQ(order, "a a-b a/b1 a/b2 a/b/c z ");
}

TEST(MountPlans, AtOrBelow) {
  EXPECT_TRUE(is_at_or_below("proc", "proc"));
  EXPECT_TRUE(is_at_or_below("proc/sys", "proc"));
  EXPECT_TRUE(is_at_or_below("proc", ""));
  EXPECT_FALSE(is_at_or_below("process", "proc"));
  EXPECT_FALSE(is_at_or_below("proc", "proc/sys"));
}

}  // namespace
}  // namespace agena::sys
