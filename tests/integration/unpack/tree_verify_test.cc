// Every kind of change to an unpacked tree must be told, and no change none.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>

#include "stage0/unpack/layer_unpacker.h"
#include "stage0/unpack/tree_record.h"
#include "tests/support/result_matchers.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using agena::testing::TarBuilder;
using ::testing::HasSubstr;

class Verify : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: owners, devices and trusted xattrs";
    ASSERT_TRUE(test::ok(sys::make_dir(temp_.dir(), "t")));
    dir_ = ASSERT_VALUE(sys::open_dir(temp_.dir(), "t"));
    record_ = ASSERT_VALUE(sys::open_at(temp_.dir(), "record", O_RDWR | O_CREAT, 0644));
    StringSource source(
        TarBuilder()
            .dir("d")
            .file("d/f", std::string(5000, 'x'))
            .link("d/h", "d/f")
            .file("g", "other")
            .symlink("l", "d/f")
            .add({.name = "c", .type = '3', .data = {}, .link = {}, .dev_major = 1, .dev_minor = 3})
            .add({.name = "p", .type = '6', .data = {}, .link = {}})
            .file(".wh.w")
            .dir("o")
            .file("o/.wh..wh..opq")
            .pax({{"GNU.sparse.size", "200000"}, {"GNU.sparse.map", "100000,3"}})
            .file("s", "abc")
            .pax({{"SCHILY.xattr.user.x", "1"}})
            .file("x", "x")
            .file("empty")
            .done());
    UnpackOptions options;
    options.record_fd = record_.get();
    digest_ = ASSERT_VALUE(unpack_layer(source, dir_, options)).record_digest;
  }

  std::string at(const char* path) { return temp_.path() + "/t/" + path; }
  // The differences as "path what; path what".
  std::string differences() {
    auto report = verify_tree(dir_, record_.get(), *digest_);
    if (!report) return "error: " + report.error().to_string();
    std::string text;
    for (const TreeDifference& difference : report->differences)
      text += (text.empty() ? "" : "; ") + difference.path + " " + difference.what;
    return text;
  }
  // Sets the times that a change by name has touched back to what they were (0 for a root without an entry).
  void restore_times(const char* path) {
    const time_t when = *path == '\0' ? 0 : 1'700'000'000;
    const timespec times[2] = {{.tv_sec = when, .tv_nsec = 0}, {.tv_sec = when, .tv_nsec = 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, at(path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  void overwrite(const char* path, off_t offset, const char* byte) {
    const sys::UniqueFd fd(::open(at(path).c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_EQ(::pwrite(fd.get(), byte, 1, offset), 1);
    restore_times(path);
  }

  test::TempDir temp_;
  sys::DirFd dir_;
  sys::UniqueFd record_;
  std::optional<Digest> digest_;
};

TEST_F(Verify, UnchangedTreeIsIntact) {
  const TreeReport report = ASSERT_VALUE(verify_tree(dir_, record_.get(), *digest_));
  EXPECT_TRUE(report.intact());
  EXPECT_EQ(report.entries, 13U);
  EXPECT_EQ(report.file_bytes, 5000U + 5 + 200'000 + 1);
  EXPECT_EQ(differences(), "");
}

TEST_F(Verify, Content) {
  overwrite("g", 0, "O");
  EXPECT_EQ(differences(), "g has other content");
  overwrite("g", 0, "o");
  EXPECT_EQ(differences(), "");
  overwrite("d/f", 4999, "y");
  EXPECT_EQ(differences(), "d/f has other content");
}

TEST_F(Verify, ContentOfSparseFiles) {
  overwrite("s", 5, "y");
  EXPECT_EQ(differences(), "s has other content");
}

TEST_F(Verify, Size) {
  ASSERT_EQ(::truncate(at("g").c_str(), 4), 0);
  restore_times("g");
  EXPECT_EQ(differences(), "g has 4 bytes, not 5");
}

TEST_F(Verify, ZerosAtTheEndAreNotPadding) {
  ASSERT_EQ(::truncate(at("g").c_str(), 6), 0);
  restore_times("g");
  EXPECT_EQ(differences(), "g has 6 bytes, not 5");
}

TEST_F(Verify, Attributes) {
  ASSERT_EQ(::chmod(at("g").c_str(), 04755), 0);
  EXPECT_EQ(differences(), "g has mode 4755, not 0644");
  ASSERT_EQ(::chmod(at("g").c_str(), 0644), 0);
  ASSERT_EQ(::lchown(at("l").c_str(), 1, 2), 0);
  EXPECT_EQ(differences(), "l belongs to 1:2, not 0:0");
  ASSERT_EQ(::lchown(at("l").c_str(), 0, 0), 0);
  ASSERT_EQ(::setxattr(at("g").c_str(), "user.new", "1", 1, 0), 0);
  ASSERT_EQ(::setxattr(at("x").c_str(), "user.x", "2", 1, 0), 0);
  EXPECT_EQ(differences(), "g has other extended attributes; x has other extended attributes");
}

TEST_F(Verify, Times) {
  ASSERT_EQ(::utimensat(AT_FDCWD, at("d").c_str(), nullptr, 0), 0);
  EXPECT_EQ(differences(), "d has another modification time");
}

TEST_F(Verify, OpaqueMarks) {
  ASSERT_EQ(::removexattr(at("o").c_str(), "trusted.overlay.opaque"), 0);
  ASSERT_EQ(::setxattr(at("d").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  EXPECT_EQ(differences(), "d is opaque; o is not opaque");
}

TEST_F(Verify, MissingAndAdded) {
  ASSERT_EQ(::unlink(at("g").c_str()), 0);
  ASSERT_EQ(::mkdir(at("new").c_str(), 0755), 0);
  restore_times("");
  const std::string text = differences();
  EXPECT_THAT(text, HasSubstr("new is not part of the layer"));
  EXPECT_THAT(text, HasSubstr("g is missing"));
}

TEST_F(Verify, Types) {
  ASSERT_EQ(::unlink(at("p").c_str()), 0);
  ASSERT_EQ(::symlink("x", at("p").c_str()), 0);
  ASSERT_EQ(::unlink(at("c").c_str()), 0);
  ASSERT_EQ(::mknod(at("c").c_str(), S_IFCHR | 0644, ::makedev(1, 5)), 0);
  ASSERT_EQ(::unlink(at("w").c_str()), 0);
  ASSERT_EQ(::mknod(at("w").c_str(), S_IFCHR | 0644, ::makedev(1, 5)), 0);
  restore_times("c");
  restore_times("");
  EXPECT_EQ(differences(), "c is another device; p is of another type; w is another device");
}

TEST_F(Verify, Symlinks) {
  ASSERT_EQ(::unlink(at("l").c_str()), 0);
  ASSERT_EQ(::symlink("d/h", at("l").c_str()), 0);
  restore_times("l");
  restore_times("");
  EXPECT_EQ(differences(), "l leads elsewhere");
}

TEST_F(Verify, HardLinks) {
  ASSERT_EQ(::unlink(at("d/h").c_str()), 0);
  ASSERT_TRUE(test::ok(sys::write_file(dir_, "d/h", std::string(5000, 'x'))));
  restore_times("d/h");
  restore_times("d");
  EXPECT_EQ(differences(), "d/h is not the same file as its other names");
}

TEST_F(Verify, TheRecordItself) {
  const std::string record = ASSERT_VALUE(sys::read_file(temp_.dir(), "record"));
  ASSERT_EQ(::pwrite(record_.get(), "X", 1, static_cast<off_t>(record.size() - 5)), 1);
  EXPECT_THAT(differences(), HasSubstr("error: the tree record"));
  ASSERT_EQ(::ftruncate(record_.get(), 100), 0);
  EXPECT_THAT(differences(), HasSubstr("error: the tree record"));
  ASSERT_EQ(::ftruncate(record_.get(), 0), 0);
  EXPECT_THAT(differences(), HasSubstr("error: the tree record"));
}

TEST_F(Verify, DifferencesAreBounded) {
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(test::ok(sys::write_file(dir_, "new" + std::to_string(i), "")));
  EXPECT_EQ(ASSERT_VALUE(verify_tree(dir_, record_.get(), *digest_)).differences.size(), 100U);
}

}  // namespace
}  // namespace agena::stage0
