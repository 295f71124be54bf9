// Layers archived anew: what their form cannot hold, and trees that change while they are read.
#include "stage0/export/layer_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/sys/fs.h"
#include "stage0/export/tree_diff.h"
#include "stage0/image/render/merged_archive.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LayerArchive : public ::testing::Test {
 protected:
  void file(const std::string& path, const std::string& text) {
    ASSERT_TRUE(test::ok(sys::make_dirs(dir_.dir(), path.substr(0, path.rfind('/')))));
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), path, text)));
  }
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  sys::DirFd tree(const std::string& name) const { return sys::open_dir(dir_.dir(), name).value(); }
  ArchiveForm form(bool live) {
    ArchiveForm form;
    form.live = live;
    form.note = [this](const std::string& note) { notes_.push_back(note); };
    return form;
  }
  // "PATH", "PATH = LINK", "PATH: CONTENT".
  static Result<std::vector<std::string>> members(ByteSource& source) {
    std::vector<std::string> members;
    TarReader reader(source);
    TarEntry entry;
    while (TRY(reader.next(entry))) {
      std::string text = entry.path;
      if (!entry.link_target.empty()) text += " = " + entry.link_target;
      if (entry.type == TarEntry::Type::kFile && entry.size > 0) {
        text += ": " + TRY(reader.read_content(entry.size));
      }
      members.push_back(text);
    }
    return members;
  }

  test::TempDir dir_;
  std::vector<std::string> notes_;
};

TEST_F(LayerArchive, NamesOfWhiteoutsAreLeftOutAndNoted) {
  file("tree/.wh.file", "x");
  file("tree/d/.wh..wh..opq", "");
  file("tree/d/.wh.dir/file", "x");
  file("tree/d/other", "o");
  const auto archive = ASSERT_VALUE(open_layer_anew(tree("tree"), {}, form(false)));
  EXPECT_THAT(ASSERT_VALUE(members(*archive)), ElementsAre("./", "d/", "d/other: o"));
  EXPECT_THAT(notes_,
              ::testing::UnorderedElementsAre(HasSubstr("'.wh.file' is left out"),
                                              HasSubstr("'d/.wh..wh..opq'"), HasSubstr("'d/.wh.dir'")));
  notes_.clear();
  file("layer/.wh.gone", "x");
  file("layer/d/other", "before");
  std::vector<sys::DirFd> layers;
  layers.push_back(tree("layer"));
  const auto changes = ASSERT_VALUE(open_tree_changes(tree("tree"), std::move(layers), form(false)));
  const auto changed = ASSERT_VALUE(members(*changes));
  for (const std::string& member : changed) EXPECT_THAT(member, ::testing::Not(HasSubstr(".wh.file")));
  EXPECT_THAT(notes_, ::testing::SizeIs(3));
}

TEST_F(LayerArchive, ALinkWhoseFileWasReplacedIsAFileOfItsOwn) {
  file("tree/a", "first");
  ASSERT_EQ(::link(path("tree/a").c_str(), path("tree/b").c_str()), 0);
  const auto archive = ASSERT_VALUE(open_layer_anew(tree("tree"), {}, form(true)));
  file("tree/c", "second");
  ASSERT_EQ(::rename(path("tree/c").c_str(), path("tree/a").c_str()), 0);
  EXPECT_THAT(ASSERT_VALUE(members(*archive)), ElementsAre("./", "a: second", "b: first"));
}

TEST_F(LayerArchive, OnlyTheLiveTreeMayLoseFiles) {
  file("upper/u/file", "u");
  file("upper/v", "v");
  file("lower/l", "l");
  const auto open = [&] {
    std::vector<MergeInput> inputs;
    inputs.push_back({.tree = tree("upper")});
    inputs.push_back({.tree = tree("lower")});
    return open_merged_archive(std::move(inputs), form(true));
  };
  auto archive = ASSERT_VALUE(open());
  // Gone, and something else than it was: a file where a directory on the way was.
  ASSERT_TRUE(test::ok(sys::remove_tree(dir_.dir(), "upper/u")));
  file("upper/u", "now a file");
  ASSERT_EQ(::unlink(path("upper/v").c_str()), 0);
  EXPECT_THAT(ASSERT_VALUE(members(*archive)), ElementsAre("./", "u: now a file", "l: l"));
  archive = ASSERT_VALUE(open());
  ASSERT_EQ(::unlink(path("lower/l").c_str()), 0);
  EXPECT_THAT(error_of(members(*archive)), HasSubstr("'l' in layer"));
}

TEST_F(LayerArchive, ReferencesToLowerLayersAreErrors) {
  for (const char* attribute : {"trusted.overlay.redirect", "trusted.overlay.metacopy"}) {
    file("tree/d/file", "x");
    const std::string node = path(std::string(attribute).ends_with("redirect") ? "tree/d" : "tree/d/file");
    if (::setxattr(node.c_str(), attribute, "/x", 2, 0) != 0)
      GTEST_SKIP() << "not allowed to, or no such attributes";
    const auto archive = ASSERT_VALUE(open_layer_anew(tree("tree"), {}, form(false)));
    EXPECT_THAT(error_of(members(*archive)), HasSubstr(attribute));
    // In a tree that is no layer they mean nothing.
    const auto changes = ASSERT_VALUE(open_tree_changes(tree("tree"), {}, form(false)));
    EXPECT_TRUE(test::ok(members(*changes)));
    ASSERT_TRUE(test::ok(sys::remove_tree(dir_.dir(), "tree")));
  }
}

}  // namespace
}  // namespace agena::stage0
