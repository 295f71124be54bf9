// Targets get their names when they are complete, and nothing is left of those that are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "common/sys/fs.h"
#include "stage0/export/bundle.h"
#include "stage0/export/image_export.h"
#include "stage0/export/target_file.h"
#include "stage0/unpack/tar_reader.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Targets : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  std::vector<std::string> names() const { return sys::list_dir(dir_.dir()).value(); }
  std::string content(const std::string& name) const {
    return sys::read_file(dir_.dir(), name).value_or("?");
  }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), name, text)));
  }
  test::TempDir dir_;
};

Result<> write_and_commit(TargetFile target, const std::string& text) {
  TRY(sys::write_all(target.fd(), text));
  return target.commit();
}

TEST_F(Targets, AFileAppearsWhenItIsComplete) {
  {
    TargetFile target = ASSERT_VALUE(TargetFile::create(path("f"), false));
    ASSERT_TRUE(test::ok(sys::write_all(target.fd(), "text")));
    EXPECT_FALSE(sys::exists(dir_.dir(), "f").value());
    ASSERT_TRUE(test::ok(target.commit()));
  }
  EXPECT_EQ(content("f"), "text");
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(Targets, NothingIsLeftOfAnIncompleteOne) {
  {
    TargetFile target = ASSERT_VALUE(TargetFile::create(path("f"), false));
    ASSERT_TRUE(test::ok(sys::write_all(target.fd(), "text")));
  }
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Targets, WhatIsThereIsKeptUnlessItMayBeOverwritten) {
  write("f", "mine");
  EXPECT_THAT(error_of(TargetFile::create(path("f"), false)),
              HasSubstr("target file exists (try --overwrite)"));
  ASSERT_TRUE(test::ok(write_and_commit(ASSERT_VALUE(TargetFile::create(path("f"), true)), "new")));
  EXPECT_EQ(content("f"), "new");
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(Targets, WhoComesSecondLoses) {
  TargetFile target = ASSERT_VALUE(TargetFile::create(path("f"), false));
  write("f", "first");
  EXPECT_EQ(target.commit().error().kind(), ErrorKind::kAlreadyExists);
  EXPECT_EQ(content("f"), "first");
}

TEST_F(Targets, OddPlacesAreErrors) {
  ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "d")));
  EXPECT_THAT(error_of(TargetFile::create(path("d"), true)), HasSubstr("is a directory"));
  EXPECT_THAT(error_of(TargetFile::create(path("d/.."), true)), HasSubstr("does not name a file"));
  EXPECT_THAT(error_of(TargetFile::create("", true)), HasSubstr("does not name a file"));
  EXPECT_EQ(TargetFile::create(path("no/such"), true).error().kind(), ErrorKind::kNotFound);
}

TEST_F(Targets, ATarBundleIsATarOfItsFiles) {
  for (const char* name : {"one", "two"}) {
    const auto bundle = ASSERT_VALUE(make_tar_bundle(path(name), false));
    (void)ASSERT_VALUE(bundle->add_text("a/b/c", "text"));
    (void)ASSERT_VALUE(bundle->add_text("a/d", std::string(1000, 'x')));
    (void)ASSERT_VALUE(bundle->add_text("a/d", std::string(1000, 'x')));
    ASSERT_TRUE(test::ok(bundle->commit()));
  }
  EXPECT_EQ(content("one"), content("two"));
  StringSource source(content("one"));
  TarReader reader(source);
  TarEntry entry;
  std::vector<std::string> members;
  while (ASSERT_VALUE(reader.next(entry))) members.push_back(entry.path);
  EXPECT_THAT(members, ElementsAre("a/", "a/b/", "a/b/c", "a/d"));
  EXPECT_THAT(reader.warnings(), IsEmpty());
}

TEST_F(Targets, ADirectoryReplacesOnlyLayouts) {
  const auto make = [&](const std::string& name, bool overwrite, const std::string& text) -> Result<> {
    const auto bundle = TRY(make_directory_bundle(path(name), overwrite));
    (void)TRY(bundle->add_text("oci-layout", text));
    (void)TRY(bundle->add_text("blobs/x", text));
    return bundle->commit();
  };
  ASSERT_TRUE(test::ok(make("layout", false, "1")));
  EXPECT_THAT(error_of(make("layout", false, "2")), HasSubstr("target file exists"));
  EXPECT_EQ(content("layout/blobs/x"), "1");
  ASSERT_TRUE(test::ok(make("layout", true, "2")));
  EXPECT_EQ(content("layout/blobs/x"), "2");
  ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "mine")));
  write("mine/file", "f");
  EXPECT_THAT(error_of(make("mine", true, "3")), HasSubstr("no OCI layout"));
  write("file", "f");
  EXPECT_THAT(error_of(make("file", true, "3")), HasSubstr("not a directory"));
  {
    const auto bundle = ASSERT_VALUE(make_directory_bundle(path("dropped"), false));
    (void)ASSERT_VALUE(bundle->add_text("oci-layout", "x"));
  }
  EXPECT_THAT(names(), ElementsAre("file", "layout", "mine"));
}

// What processes left that were killed goes; what somebody works on stays, and so does what has another name.
TEST_F(Targets, LeftOversOfTheSameTargetAreRemoved) {
  ASSERT_TRUE(test::ok(sys::make_dirs(dir_.dir(), ".f.0123456789abcdef.new/blobs")));
  write(".f.0123456789abcdee.new", "of a file");
  for (const char* other : {".g.0123456789abcdef.new", ".f.0123456789abcdef.old", ".f.1234.new"})
    write(other, "");
  ASSERT_EQ(::symlinkat("/etc", dir_.dir().get(), ".f.0123456789abcdea.new"), 0);
  const auto working = ASSERT_VALUE(make_directory_bundle(path("f"), false));
  const auto second = ASSERT_VALUE(make_directory_bundle(path("f"), false));
  const TargetFile file = ASSERT_VALUE(TargetFile::create(path("f"), false));
  std::vector<std::string> left = names();
  std::erase_if(left, [&](const std::string& name) {
    return name == ".f.0123456789abcdea.new" || name == ".g.0123456789abcdef.new" ||
           name == ".f.0123456789abcdef.old" || name == ".f.1234.new";
  });
  EXPECT_EQ(left.size(), 2U) << "the two that are being written";
  for (const std::string& name : left) EXPECT_FALSE(name.starts_with(".f.0123456789abcde")) << name;
  (void)ASSERT_VALUE(working->add_text("oci-layout", "1"));
  EXPECT_TRUE(test::ok(working->commit()));
}

// Makes renameat2(2) refuse all flags from here on, as some file systems do.
void refuse_rename_flags() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[4])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

TEST_F(Targets, DirectoriesAreReplacedWhereNamesCannotBeExchanged) {
  const auto make = [&](bool overwrite, const std::string& text) -> Result<> {
    const auto bundle = TRY(make_directory_bundle(path("layout"), overwrite));
    (void)TRY(bundle->add_text("oci-layout", text));
    return bundle->commit();
  };
  const auto run = [&] {
    refuse_rename_flags();
    const bool made = test::ok(make(false, "1")) && test::ok(make(true, "2"));
    std::_Exit(made && !::testing::Test::HasFailure() && !make(false, "3") ? 0 : 1);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(content("layout/oci-layout"), "2");
  EXPECT_THAT(names(), ElementsAre("layout"));
}

TEST_F(Targets, WhatIsReplacedIsLookedAtAgain) {
  const auto bundle = ASSERT_VALUE(make_directory_bundle(path("layout"), true));
  ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "layout")));
  write("layout/precious", "mine");
  EXPECT_THAT(error_of(bundle->commit()), HasSubstr("no OCI layout"));
  EXPECT_EQ(content("layout/precious"), "mine");
}

TEST(ExportTargets, AreFilesOrLayouts) {
  EXPECT_EQ(ASSERT_VALUE(parse_export_target("a:b")).path, "a:b");
  EXPECT_FALSE(ASSERT_VALUE(parse_export_target("a:b")).directory);
  const ExportTarget plain = ASSERT_VALUE(parse_export_target("oci:/srv/x"));
  EXPECT_TRUE(plain.directory);
  EXPECT_EQ(plain.path, "/srv/x");
  const ExportTarget tagged = ASSERT_VALUE(parse_export_target("oci:/srv/a:b/x:tag"));
  EXPECT_EQ(tagged.path, "/srv/a:b/x");
  EXPECT_EQ(tagged.tag, "tag");
  EXPECT_FALSE(parse_export_target("oci:").has_value());
  EXPECT_FALSE(parse_export_target("oci:x:").has_value());
  EXPECT_FALSE(parse_export_target("oci::tag").has_value());
}

}  // namespace
}  // namespace agena::stage0
