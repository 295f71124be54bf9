// What a copied root has changed over the layers that it came from.
#include "stage0/export/tree_diff.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/fs.h"
#include "stage0/unpack/tar_reader.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr timespec kTime{.tv_sec = 1'700'000'000, .tv_nsec = 5};

class Changes : public ::testing::Test {
 protected:
  // A file with a fixed time, and the same in the tree and in the layer, unless changed later.
  void both(const std::string& path, const std::string& text) {
    for (const char* top : {"layer", "tree"}) file(std::string(top) + "/" + path, text);
  }
  void file(const std::string& path, const std::string& text) {
    ASSERT_TRUE(test::ok(sys::make_dirs(dir_.dir(), path.substr(0, path.rfind('/')))));
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), path, text)));
    set_time(path);
  }
  void set_time(const std::string& path) {
    const timespec times[2] = {kTime, kTime};
    ASSERT_EQ(::utimensat(dir_.dir().get(), path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  // Members of the layer of changes; links as "a = b". Directories on both sides get equal times first.
  std::vector<std::string> changes() {
    even_out("");
    std::vector<sys::DirFd> layers;
    layers.push_back(sys::open_dir(dir_.dir(), "layer").value());
    auto archive = open_tree_changes(sys::open_dir(dir_.dir(), "tree").value(), std::move(layers), {});
    EXPECT_TRUE(test::ok(archive));
    std::vector<std::string> members;
    TarReader reader(**archive);
    TarEntry entry;
    while (reader.next(entry).value())
      members.push_back(entry.path + (entry.link_target.empty() ? "" : " = " + entry.link_target));
    EXPECT_EQ(members.at(0), "./");
    members.erase(members.begin());
    return members;
  }

 private:
  void even_out(const std::string& path) {
    for (const char* top : {"layer", "tree"}) {
      const std::string dir = top + path;
      if (!sys::open_dir(dir_.dir(), dir, O_NOFOLLOW)) continue;
      const std::vector<std::string> names = sys::list_dir(dir_.dir(), dir).value();
      for (const std::string& name : names)
        if (S_ISDIR(sys::stat_at(dir_.dir(), dir + "/" + name).value().st_mode)) even_out(path + "/" + name);
      set_time(dir);
    }
  }

 protected:
  test::TempDir dir_;
};

TEST_F(Changes, NoneIsAnEmptyLayer) {
  both("a/b", "text");
  both("c", "text");
  EXPECT_THAT(changes(), ElementsAre());
}

TEST_F(Changes, AreContentModeTimeAndNewThings) {
  both("d/content", "old");
  both("d/mode", "x");
  both("d/time", "x");
  both("d/same", "x");
  both("other/same", "x");
  file("tree/d/content", "new");
  file("tree/new/deep/file", "x");
  ASSERT_EQ(::chmod((dir_.path() + "/tree/d/mode").c_str(), 0600), 0);
  const timespec later[2] = {kTime, {.tv_sec = kTime.tv_sec, .tv_nsec = 6}};
  ASSERT_EQ(::utimensat(dir_.dir().get(), "tree/d/time", later, 0), 0);
  EXPECT_THAT(changes(),
              ElementsAre("d/", "d/content", "d/mode", "d/time", "new/", "new/deep/", "new/deep/file"));
}

TEST_F(Changes, DeletedThingsAreWhiteouts) {
  both("d/gone", "x");
  both("d/kept", "x");
  both("all/gone/x", "x");
  both("type/x", "x");
  ASSERT_TRUE(test::ok(sys::remove_file(dir_.dir(), "tree/d/gone")));
  ASSERT_TRUE(test::ok(sys::remove_tree(dir_.dir(), "tree/all")));
  ASSERT_TRUE(test::ok(sys::remove_tree(dir_.dir(), "tree/type")));
  file("tree/type", "a file now");
  EXPECT_THAT(changes(), UnorderedElementsAre("d/", "d/.wh.gone", ".wh.all", "type"));
}

TEST_F(Changes, AFileWithANewNameIsWholeInTheLayer) {
  both("a", "x");
  ASSERT_EQ(::link((dir_.path() + "/tree/a").c_str(), (dir_.path() + "/tree/b").c_str()), 0);
  EXPECT_THAT(changes(), ElementsAre("a", "b = a"));
}

TEST_F(Changes, LinksThatLeadElsewhere) {
  for (const char* top : {"layer", "tree"}) {
    ASSERT_TRUE(test::ok(sys::make_dirs(dir_.dir(), top)));
    for (const char* name : {"same", "other"}) {
      const std::string path = std::string(top) + "/" + name;
      const bool changed = path == "tree/other";
      ASSERT_EQ(::symlinkat(changed ? "bbb" : "aaa", dir_.dir().get(), path.c_str()), 0);
      set_time(path);
    }
  }
  EXPECT_THAT(changes(), ElementsAre("other = bbb"));
}

}  // namespace
}  // namespace agena::stage0
