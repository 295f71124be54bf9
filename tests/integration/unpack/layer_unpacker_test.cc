// Whole layers: archives made here, unpacked as root, looked at on disk.
#include "stage0/unpack/layer_unpacker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>

#include "common/sys/mount.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/hash.h"
#include "stage0/unpack/parent_layers.h"
#include "stage0/unpack/tree_record.h"
#include "tests/support/compress.h"
#include "tests/support/result_matchers.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using agena::testing::gzip;
using agena::testing::TarBuilder;
using std::string_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Layers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: owners, devices and trusted xattrs";
  }

  // Unpacks an archive into a new directory `name`, and compares the tree with its record.
  Result<UnpackResult> unpack(const std::string& name, const std::string& blob, UnpackOptions options = {}) {
    TRY(sys::make_dir(temp_.dir(), name));
    const sys::DirFd dir = TRY(sys::open_dir(temp_.dir(), name));
    const sys::UniqueFd record = TRY(sys::open_at(temp_.dir(), name + ".record", O_RDWR | O_CREAT, 0644));
    options.record_fd = record.get();
    const sys::UniqueFd skeleton = TRY(sys::open_at(temp_.dir(), name + ".archive", O_RDWR | O_CREAT, 0644));
    options.skeleton_fd = skeleton.get();
    StringSource source(blob);
    UnpackResult result = TRY(unpack_layer(source, dir, options));
    const TreeReport report = TRY(verify_tree(dir, record.get(), *result.record_digest));
    for (const TreeDifference& difference : report.differences)
      ADD_FAILURE() << name << ": '" << difference.path << "' " << difference.what;
    // The archive is to be had back, which the reader itself checks, or the skeleton says why not.
    const auto archive = archive_of(name, result);
    EXPECT_EQ(archive.has_value(), result.skeleton_digest.has_value());
    EXPECT_TRUE(archive || archive.error().kind() == ErrorKind::kNotFound)
        << name << ": " << error_of(archive);
    return result;
  }
  // The archive that an unpacked layer came from, made of the layer and its skeleton.
  Result<std::string> archive_of(const std::string& name, const UnpackResult& result) {
    auto source =
        TRY(open_skeleton(TRY(sys::open_at(temp_.dir(), name + ".archive", O_RDONLY)),
                          TRY(sys::open_dir(temp_.dir(), name)), result.diff_id, result.archive_size));
    return read_to_end(*source, 64U << 20U);
  }
  // Over layers unpacked before, the topmost first.
  Result<UnpackResult> unpack_over(const std::vector<std::string>& below, const std::string& name,
                                   const std::string& blob) {
    std::vector<sys::DirRef> refs;
    for (const std::string& layer : below) {
      open_.push_back(TRY(sys::open_dir(temp_.dir(), layer)));
      refs.emplace_back(open_.back());
    }
    UnpackOptions options;
    options.lookup_parent = lookup_in_layers(refs);
    return unpack(name, blob, options);
  }
  Result<UnpackResult> unpack_aci(const std::string& name, const std::string& blob) {
    UnpackOptions options;
    options.kind = ArchiveKind::kAci;
    return unpack(name, blob, options);
  }

  struct stat look(const std::string& path) {
    auto st = sys::stat_at(temp_.dir(), path);
    EXPECT_TRUE(test::ok(st)) << path;
    return st.value_or(kNothing);
  }
  bool exists(const std::string& path) { return *sys::exists(temp_.dir(), path); }
  std::string content(const std::string& path) {
    auto bytes = sys::read_file(temp_.dir(), path);
    EXPECT_TRUE(test::ok(bytes));
    return bytes.value_or("");
  }
  std::vector<std::string> names(const std::string& path) { return *sys::list_dir(temp_.dir(), path); }
  bool is_whiteout(const std::string& path) {
    const struct stat st = look(path);
    return S_ISCHR(st.st_mode) && st.st_rdev == 0;
  }
  std::string xattr(const std::string& path, const char* name) {
    char value[100];
    const ssize_t n = ::lgetxattr((temp_.path() + "/" + path).c_str(), name, value, sizeof value);
    return n < 0 ? "(none)" : std::string(value, static_cast<std::size_t>(n));
  }
  bool is_opaque(const std::string& path) { return xattr(path, "trusted.overlay.opaque") == "y"; }

  static constexpr struct stat kNothing{};
  test::TempDir temp_;
  std::vector<sys::DirFd> open_;
};

TEST_F(Layers, DigestsAndCounts) {
  const std::string archive =
      TarBuilder().dir("d").file("d/a", "12345").file("b", std::string(2'000'000, 'x')).done();
  const std::string blob = gzip(archive);
  for (const bool pipelined : {false, true}) {
    UnpackOptions options;
    options.compression = Compression::kGzip;
    options.pipelined = pipelined;
    options.blob_digest = hash_of(HashAlgorithm::kSha256, blob);
    options.blob_size = blob.size();
    options.diff_id = hash_of(HashAlgorithm::kSha256, archive);
    const UnpackResult result = ASSERT_VALUE(unpack(pipelined ? "p" : "d", blob, options));
    EXPECT_EQ(result.blob_digest, *options.blob_digest);
    EXPECT_EQ(result.blob_size, blob.size());
    EXPECT_EQ(result.diff_id, *options.diff_id);
    EXPECT_EQ(result.archive_size, archive.size());
    EXPECT_EQ(result.compression, Compression::kGzip);
    EXPECT_EQ(result.entries, 3U);
    EXPECT_EQ(result.file_bytes, 2'000'005U);
    EXPECT_FALSE(result.needs_chain_key);
    EXPECT_THAT(result.warnings, IsEmpty());
  }
}

TEST_F(Layers, WrongDigestsAreErrors) {
  const std::string archive = TarBuilder().file("a", "x").done();
  const Digest other = hash_of(HashAlgorithm::kSha256, "other");
  UnpackOptions blob;
  blob.blob_digest = other;
  auto result = unpack("1", archive, blob);
  EXPECT_THAT(error_of(result), HasSubstr("the blob's digest is"));
  EXPECT_EQ(result.error().kind(), ErrorKind::kVerification);
  UnpackOptions diff;
  diff.diff_id = other;
  EXPECT_THAT(error_of(unpack("2", archive, diff)), HasSubstr("digest of the decompressed content"));
  UnpackOptions size;
  size.blob_size = archive.size() - 1;
  EXPECT_THAT(error_of(unpack("3", archive, size)), HasSubstr("larger than the stated"));
  size.blob_size = archive.size() + 1;
  EXPECT_THAT(error_of(unpack("4", archive, size)), HasSubstr("instead of the stated"));
  UnpackOptions sha512;
  sha512.blob_digest = hash_of(HashAlgorithm::kSha512, archive);
  EXPECT_TRUE(test::ok(unpack("5", archive, sha512)));
}

TEST_F(Layers, AttributesOfEveryType) {
  const std::string capability("\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const std::string archive =
      TarBuilder()
          .add({.name = "./",
                .type = '5',
                .data = {},
                .link = {},
                .mode = 0711,
                .uid = 1,
                .gid = 2,
                .mtime = 100})
          .add({.name = "d",
                .type = '5',
                .data = {},
                .link = {},
                .mode = 03775,
                .uid = 3,
                .gid = 4,
                .mtime = 200})
          .pax({{"SCHILY.xattr.security.capability", capability},
                {"SCHILY.xattr.user.x", "v"},
                {"mtime", "300.5"}})
          .add({.name = "d/f", .data = "x", .link = {}, .mode = 06755, .uid = 5, .gid = 6})
          .add({.name = "d/l", .type = '2', .data = {}, .link = "f", .uid = 7, .gid = 8, .mtime = 400})
          .add({.name = "d/p", .type = '6', .data = {}, .link = {}, .mode = 0622, .uid = 9, .mtime = 500})
          .add({.name = "d/c",
                .type = '3',
                .data = {},
                .link = {},
                .mode = 0666,
                .mtime = 600,
                .dev_major = 1,
                .dev_minor = 3})
          .add({.name = "d/b",
                .type = '4',
                .data = {},
                .link = {},
                .mode = 0660,
                .gid = 6,
                .dev_major = 8,
                .dev_minor = 1})
          .done();
  const UnpackResult result = ASSERT_VALUE(unpack("t", archive));
  EXPECT_TRUE(result.root_entry);
  struct stat st = look("t");
  EXPECT_EQ(st.st_mode & 07777U, 0711U);
  EXPECT_EQ(st.st_uid, 1U);
  EXPECT_EQ(st.st_mtime, 100);
  st = look("t/d");
  EXPECT_EQ(st.st_mode & 07777U, 03775U);
  EXPECT_EQ(st.st_gid, 4U);
  EXPECT_EQ(st.st_mtime, 200);
  st = look("t/d/f");
  EXPECT_EQ(st.st_mode & 07777U, 06755U);
  EXPECT_EQ(st.st_uid, 5U);
  EXPECT_EQ(st.st_mtime, 300);
  EXPECT_EQ(st.st_mtim.tv_nsec, 500'000'000);
  EXPECT_EQ(xattr("t/d/f", "security.capability"), capability);
  EXPECT_EQ(xattr("t/d/f", "user.x"), "v");
  st = look("t/d/l");
  EXPECT_EQ(st.st_uid, 7U);
  EXPECT_EQ(st.st_mtime, 400);
  EXPECT_TRUE(S_ISFIFO(look("t/d/p").st_mode));
  st = look("t/d/c");
  EXPECT_EQ(st.st_rdev, ::makedev(1, 3));
  EXPECT_EQ(st.st_mode & 07777U, 0666U);
  EXPECT_EQ(st.st_mtime, 600);
  st = look("t/d/b");
  EXPECT_TRUE(S_ISBLK(st.st_mode));
  EXPECT_EQ(st.st_gid, 6U);
}

// A staging directory may inherit a group, the setgid bit and a default ACL from the host's data directory.
TEST_F(Layers, NothingIsInheritedFromTheHost) {
  const std::string parent = temp_.path() + "/t";
  ASSERT_TRUE(test::ok(sys::make_dir(temp_.dir(), "t")));
  ASSERT_EQ(::chown(parent.c_str(), 0, 77), 0);
  ASSERT_EQ(::chmod(parent.c_str(), 02770), 0);
  // user::rwx, user:5:rwx, group::rwx, mask::rwx, other::---
  const std::string acl(
      "\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x07\0\x05\0\0\0\x04\0\x07\0\xff\xff\xff\xff"
      "\x10\0\x07\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
      44);
  const bool acls = ::setxattr(parent.c_str(), "system.posix_acl_default", acl.data(), acl.size(), 0) == 0;
  const UnpackResult result = ASSERT_VALUE(unpack("t", TarBuilder().dir("d").file("d/f", "x").done()));
  EXPECT_FALSE(result.root_entry);
  for (const char* path : {"t", "t/d", "t/d/f"}) {
    const struct stat st = look(path);
    EXPECT_EQ(st.st_gid, 0U) << path;
    EXPECT_EQ(st.st_mode & 07777U, S_ISDIR(st.st_mode) ? 0755U : 0644U) << path;
    if (acls) {
      EXPECT_EQ(xattr(path, "system.posix_acl_access"), "(none)") << path;
      EXPECT_EQ(xattr(path, "system.posix_acl_default"), "(none)") << path;
    }
  }
}

TEST_F(Layers, XattrsThatAreLeftOut) {
  const TarBuilder::Records xattrs = {{"SCHILY.xattr.trusted.overlay.opaque", "y"},
                                      {"SCHILY.xattr.trusted.overlay.redirect", "/etc"},
                                      {"SCHILY.xattr.user.overlay.whiteout", "y"},
                                      {"SCHILY.xattr.trusted.other", "1"},
                                      {"SCHILY.xattr.security.selinux", "x"},
                                      {"SCHILY.xattr.nonsense", "1"},
                                      {"SCHILY.xattr.user.kept", "1"}};
  const UnpackResult result =
      ASSERT_VALUE(unpack("t", TarBuilder().pax(xattrs).dir("d").pax(xattrs).file("f").done()));
  for (const char* path : {"t/d", "t/f"}) {
    char list[1000];
    const ssize_t n = ::llistxattr((temp_.path() + "/" + path).c_str(), list, sizeof list);
    ASSERT_GT(n, 0);
    EXPECT_EQ(std::string(list, static_cast<std::size_t>(n)), "user.kept\0"s);
  }
  EXPECT_EQ(result.warnings.size(), 12U);
}

TEST_F(Layers, XattrsThatCannotBe) {
  const UnpackResult result =
      ASSERT_VALUE(unpack("t", TarBuilder().pax({{"SCHILY.xattr.user.x", "1"}}).symlink("l", "x").done()));
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_THAT(result.warnings[0], HasSubstr("xattr 'user.x' is left out"));
}

TEST_F(Layers, WarningsAreBounded) {
  TarBuilder builder;
  for (int i = 0; i < 80; ++i) builder.pax({{"SCHILY.xattr.no", "1"}}).file("f" + std::to_string(i));
  const UnpackResult result = ASSERT_VALUE(unpack("t", builder.done()));
  ASSERT_EQ(result.warnings.size(), 51U);
  EXPECT_EQ(result.warnings.back(), "and 30 more warnings");
}

TEST_F(Layers, Whiteouts) {
  const UnpackResult base =
      ASSERT_VALUE(unpack("base", TarBuilder().dir("d").file("d/x").file("d/y").file("z").done()));
  EXPECT_FALSE(base.needs_chain_key);
  const UnpackResult top = ASSERT_VALUE(unpack_over(
      {"base"}, "top", TarBuilder().dir("d").file("d/.wh.x").file(".wh.z").file(".wh.missing").done()));
  EXPECT_FALSE(top.needs_chain_key);
  EXPECT_TRUE(is_whiteout("top/d/x"));
  EXPECT_TRUE(is_whiteout("top/z"));
  EXPECT_TRUE(is_whiteout("top/missing"));
  EXPECT_THAT(names("top"), ElementsAre("d", "missing", "z"));
}

TEST_F(Layers, WhiteoutsKeepWhatTheirLayerHas) {
  ASSERT_VALUE(unpack("base", TarBuilder().file("f").dir("d").file("d/old").dir("e").done()));
  std::map<std::string, std::string> archives;
  archives["before"] =
      TarBuilder().file(".wh.f").file(".wh.d").file("f", "new").dir("d").file("d/new").done();
  archives["after"] = TarBuilder().file("f", "new").dir("d").file("d/new").file(".wh.f").file(".wh.d").done();
  for (const auto& [layer, archive] : archives) {
    const UnpackResult result = ASSERT_VALUE(unpack_over({"base"}, layer, archive));
    EXPECT_EQ(content(layer + "/f"), "new");
    EXPECT_TRUE(is_opaque(layer + "/d"));
    EXPECT_THAT(names(layer + "/d"), ElementsAre("new"));
    EXPECT_THAT(result.warnings, IsEmpty());
  }
}

TEST_F(Layers, WhiteoutThenImpliedDirectory) {
  ASSERT_VALUE(unpack("base", TarBuilder().dir("d", 0700).file("d/old").done()));
  const UnpackResult result =
      ASSERT_VALUE(unpack_over({"base"}, "top", TarBuilder().file(".wh.d").file("d/new").done()));
  EXPECT_TRUE(is_opaque("top/d"));
  EXPECT_EQ(look("top/d").st_mode & 07777U, 0755U);
  EXPECT_FALSE(result.needs_chain_key);
}

// Listed, but impossible to look up: what an overlay makes of whiteouts in a directory that only one layer
// has.
TEST_F(Layers, IdleWhiteoutsAreDropped) {
  ASSERT_VALUE(unpack("base", TarBuilder().dir("d").file("d/x").done()));
  const UnpackResult opaque = ASSERT_VALUE(unpack_over(
      {"base"}, "opaque",
      TarBuilder().dir("d").file("d/.wh.x").file("d/.wh..wh..opq").dir("d/e").file("d/e/.wh.y").done()));
  EXPECT_THAT(names("opaque/d"), ElementsAre("e"));
  EXPECT_THAT(names("opaque/d/e"), IsEmpty());
  EXPECT_FALSE(opaque.needs_chain_key);
  const UnpackResult fresh =
      ASSERT_VALUE(unpack_over({"base"}, "fresh", TarBuilder().dir("new").file("new/.wh.x").done()));
  EXPECT_THAT(names("fresh/new"), IsEmpty());
  EXPECT_TRUE(fresh.needs_chain_key);
  const UnpackResult lowest =
      ASSERT_VALUE(unpack("lowest", TarBuilder().dir("d").file("d/.wh.x").file(".wh.r").done()));
  EXPECT_THAT(names("lowest/d"), IsEmpty());
  EXPECT_TRUE(is_whiteout("lowest/r"));
  EXPECT_TRUE(lowest.needs_chain_key);
}

TEST_F(Layers, OpaqueRoot) {
  const UnpackResult result =
      ASSERT_VALUE(unpack("t", TarBuilder().file("a").file(".wh..wh..opq").file(".wh.b").done()));
  EXPECT_TRUE(result.root_opaque);
  EXPECT_THAT(names("t"), ElementsAre("a"));
}

TEST_F(Layers, MarkersThatNameNothing) {
  int count = 0;
  for (const char* name : {".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."}) {
    const std::string layer = std::to_string(count++);
    EXPECT_THAT(error_of(unpack(layer, TarBuilder().dir("d").file("d/keep").file(name).done())),
                HasSubstr("a whiteout that names nothing"));
    EXPECT_TRUE(exists(layer + "/d/keep")) << name;
  }
  EXPECT_THAT(error_of(unpack("x", TarBuilder().file(".wh.a/b").done())), HasSubstr("used as a directory"));
}

TEST_F(Layers, AufsFilesAreLeftOut) {
  ASSERT_VALUE(unpack(
      "t", TarBuilder().dir(".wh..wh.plnk").file(".wh..wh.plnk/1.2").file(".wh..wh.aufs").file("a").done()));
  EXPECT_THAT(names("t"), ElementsAre("a"));
}

TEST_F(Layers, DuplicatesTheLastCounts) {
  const UnpackResult result = ASSERT_VALUE(unpack("t", TarBuilder()
                                                           .file("f", "one")
                                                           .link("h", "f")
                                                           .file("f", "two")
                                                           .dir("d")
                                                           .file("d/x")
                                                           .file("d", "file")
                                                           .file("e", "file")
                                                           .dir("e")
                                                           .symlink("s", "/etc")
                                                           .dir("s")
                                                           .file("s/passwd", "mine")
                                                           .dir("m", 0700)
                                                           .file("m/kept")
                                                           .dir("m", 0711)
                                                           .done()));
  EXPECT_EQ(content("t/f"), "two");
  EXPECT_EQ(content("t/h"), "one");
  EXPECT_EQ(content("t/d"), "file");
  EXPECT_TRUE(S_ISDIR(look("t/e").st_mode));
  EXPECT_EQ(content("t/s/passwd"), "mine");
  EXPECT_TRUE(exists("t/m/kept"));
  EXPECT_EQ(look("t/m").st_mode & 07777U, 0711U);
  EXPECT_EQ(result.warnings.size(), 5U);
}

// The directory that is replaced was open and remembered; nothing may go on in the deleted one.
TEST_F(Layers, ReplacedDirectoriesAreForgotten) {
  ASSERT_VALUE(unpack("t", TarBuilder()
                               .dir("a")
                               .dir("a/b")
                               .file("a/b/c")
                               .symlink("a", "z")
                               .dir("z")
                               .dir("z/b")
                               .file("a/b/new", "x")
                               .done()));
  EXPECT_EQ(content("t/z/b/new"), "x");
  EXPECT_THAT(names("t/z/b"), ElementsAre("new"));
}

TEST_F(Layers, SymlinksOfTheSameLayer) {
  ASSERT_VALUE(unpack("in", TarBuilder()
                                .dir("d")
                                .dir("d/e")
                                .symlink("l", "/d")
                                .symlink("m", "l/../d/./e")
                                .file("l/f", "1")
                                .file("m/g", "2")
                                .file("l/new/h", "3")
                                .done()));
  EXPECT_EQ(content("in/d/f"), "1");
  EXPECT_EQ(content("in/d/e/g"), "2");
  EXPECT_EQ(content("in/d/new/h"), "3");
  EXPECT_TRUE(S_ISLNK(look("in/l").st_mode));
  int count = 0;
  for (const char* target : {"/nowhere", "../../..", "nowhere", "l", "/proc/self/cwd", "/tmp"}) {
    const std::string layer = std::to_string(count++);
    const std::string where = std::string(target) == "../../.." ? "l/out/x" : "l/x";
    const auto result = unpack(layer, TarBuilder().symlink("l", target).file(where, "x").done());
    if (std::string(target) == "../../..") {
      // Upwards from the root is the root.
      EXPECT_TRUE(test::ok(result));
      EXPECT_EQ(content(layer + "/out/x"), "x");
    } else {
      EXPECT_FALSE(result) << target;
    }
  }
  EXPECT_FALSE(exists("out"));
}

TEST_F(Layers, HardLinks) {
  ASSERT_VALUE(unpack("t", TarBuilder()
                               .file("a", "x")
                               .link("b", "./a")
                               .symlink("s", "nowhere")
                               .link("t", "s")
                               .dir("d")
                               .symlink("e", "d")
                               .file("d/f", "y")
                               .link("g", "/e/f")
                               .link("a", "a")
                               .done()));
  EXPECT_EQ(look("t/a").st_ino, look("t/b").st_ino);
  EXPECT_EQ(look("t/s").st_ino, look("t/t").st_ino);
  EXPECT_EQ(look("t/d/f").st_ino, look("t/g").st_ino);
}

TEST_F(Layers, BadHardLinks) {
  int count = 0;
  const auto error = [&](const TarBuilder& builder) {
    return error_of(unpack(std::to_string(count++), builder.done()));
  };
  EXPECT_THAT(error(TarBuilder().link("h", "missing")), HasSubstr("its target 'missing' does not exist"));
  EXPECT_THAT(error(TarBuilder().link("h", "missing/too")), HasSubstr("does not exist"));
  EXPECT_THAT(error(TarBuilder().link("h", "../x")), HasSubstr("contains '..'"));
  EXPECT_THAT(error(TarBuilder().dir("d").link("h", "d")), HasSubstr("is a directory"));
  EXPECT_THAT(error(TarBuilder().file(".wh.a").link("h", "a")), HasSubstr("does not exist"));
  EXPECT_THAT(error(TarBuilder().dir("d").file("d/f").link("d", "d/f")), HasSubstr("lies below it"));
  EXPECT_THAT(error(TarBuilder().file("f").link("h", "f/x")), HasSubstr("not a directory"));
}

TEST_F(Layers, HardLinksToLowerLayers) {
  const std::string base =
      TarBuilder()
          .dir("d", 0700)
          .pax({{"SCHILY.xattr.user.x", "1"}})
          .add({.name = "d/f", .data = std::string(200'000, 'q'), .link = {}, .mode = 04711, .uid = 5})
          .symlink("s", "d/f")
          .file("gone")
          .done();
  ASSERT_VALUE(unpack("base", base));
  const UnpackResult result = ASSERT_VALUE(
      unpack_over({"base"}, "top", TarBuilder().link("h", "d/f").link("i", "d/f").link("t", "s").done()));
  EXPECT_TRUE(result.needs_chain_key);
  const struct stat st = look("top/d/f");
  EXPECT_EQ(st.st_ino, look("top/h").st_ino);
  EXPECT_EQ(st.st_ino, look("top/i").st_ino);
  EXPECT_EQ(st.st_mode & 07777U, 04711U);
  EXPECT_EQ(st.st_uid, 5U);
  EXPECT_EQ(xattr("top/d/f", "user.x"), "1");
  EXPECT_EQ(content("top/h"), std::string(200'000, 'q'));
  EXPECT_EQ(look("top/d").st_mode & 07777U, 0700U);
  EXPECT_EQ(look("top/s").st_ino, look("top/t").st_ino);
  EXPECT_THAT(error_of(unpack_over({"base"}, "2", TarBuilder().link("h", "d/none").done())),
              HasSubstr("does not exist"));
  EXPECT_THAT(error_of(unpack_over({"base"}, "3", TarBuilder().file("d/.wh.f").link("h", "d/f").done())),
              HasSubstr("does not exist"));
}

// The copy is there for the link only; what this layer says of the original itself counts.
TEST_F(Layers, CopiesForLinksGiveWay) {
  ASSERT_VALUE(unpack("base", TarBuilder().dir("d").file("d/f", "low").done()));
  ASSERT_VALUE(unpack_over({"base"}, "deleted", TarBuilder().link("h", "d/f").file("d/.wh.f").done()));
  EXPECT_TRUE(is_whiteout("deleted/d/f"));
  EXPECT_EQ(content("deleted/h"), "low");
  const UnpackResult replaced = ASSERT_VALUE(
      unpack_over({"base"}, "replaced", TarBuilder().link("h", "d/f").file("d/f", "new").done()));
  EXPECT_EQ(content("replaced/d/f"), "new");
  EXPECT_EQ(content("replaced/h"), "low");
  EXPECT_THAT(replaced.warnings, IsEmpty());
  ASSERT_VALUE(unpack_over({"base"}, "opaque", TarBuilder().link("h", "d/f").file("d/.wh..wh..opq").done()));
  EXPECT_THAT(names("opaque/d"), IsEmpty());
  EXPECT_EQ(content("opaque/h"), "low");
}

TEST_F(Layers, ImpliedDirectoriesLookLikeThoseBelow) {
  ASSERT_VALUE(
      unpack("base", TarBuilder()
                         .add({.name = "tmp", .type = '5', .data = {}, .link = {}, .mode = 01777, .gid = 9})
                         .dir("plain")
                         .done()));
  const UnpackResult special =
      ASSERT_VALUE(unpack_over({"base"}, "special", TarBuilder().file("tmp/x/y").done()));
  EXPECT_EQ(look("special/tmp").st_mode & 07777U, 01777U);
  EXPECT_EQ(look("special/tmp").st_gid, 9U);
  EXPECT_EQ(look("special/tmp/x").st_mode & 07777U, 0755U);
  EXPECT_TRUE(special.needs_chain_key);
  EXPECT_THAT(special.implied_directories, ElementsAre("tmp", "tmp/x"));
  const UnpackResult plain =
      ASSERT_VALUE(unpack_over({"base"}, "plain", TarBuilder().file("plain/y").done()));
  EXPECT_FALSE(plain.needs_chain_key);
  EXPECT_THAT(plain.implied_directories, ElementsAre("plain"));
  // Through a symlink of the layer below, as in a distribution where /lib leads to /usr/lib.
  ASSERT_VALUE(unpack("merged", TarBuilder().dir("usr").dir("usr/lib").symlink("lib", "usr/lib").done()));
  const UnpackResult through =
      ASSERT_VALUE(unpack_over({"merged"}, "through", TarBuilder().file("lib/so", "x").done()));
  EXPECT_EQ(content("through/usr/lib/so"), "x");
  EXPECT_FALSE(exists("through/lib"));
  EXPECT_TRUE(through.needs_chain_key);
  ASSERT_VALUE(unpack("file", TarBuilder().file("f").done()));
  EXPECT_THAT(error_of(unpack_over({"file"}, "bad2", TarBuilder().file("f/x").done())),
              HasSubstr("not a directory in the layers below"));
}

TEST_F(Layers, AnEntryMayFollowTheImpliedDirectory) {
  const UnpackResult result = ASSERT_VALUE(
      unpack("t", TarBuilder()
                      .file("d/f")
                      .add({.name = "d", .type = '5', .data = {}, .link = {}, .mode = 0700, .mtime = 5})
                      .done()));
  EXPECT_EQ(look("t/d").st_mode & 07777U, 0700U);
  EXPECT_EQ(look("t/d").st_mtime, 5);
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST_F(Layers, OnlyWhatIsBelowIsReplaced) {
  TarBuilder builder;
  for (const char* name : {"a", "a!", "a/b", "a/b/c", "a0", "a0/x", "a!/y"}) builder.dir(name);
  builder.file("a", "file");
  // Directories that are still known get their attributes here, and those that are not fail.
  for (const char* name : {"a!", "a!/y", "a0", "a0/x"})
    builder.add({.name = name, .type = '5', .data = {}, .link = {}, .mode = 0700});
  const UnpackResult result = ASSERT_VALUE(unpack("t", builder.done()));
  EXPECT_EQ(content("t/a"), "file");
  for (const char* name : {"a!", "a!/y", "a0", "a0/x"})
    EXPECT_EQ(look(std::string("t/") + name).st_mode & 07777U, 0700U) << name;
}

// Quadratic work would take minutes.
TEST_F(Layers, ReplacingAgainAndAgainTakesNoLonger) {
  TarBuilder builder;
  for (int i = 0; i < 20'000; ++i) builder.dir(fmt::format("d{:05}", i));
  for (int i = 0; i < 5'000; ++i) builder.dir("x").file("x");
  ASSERT_VALUE(unpack("t", builder.done()));
  EXPECT_EQ(look("t/x").st_mode & S_IFMT, static_cast<mode_t>(S_IFREG));
}

TEST_F(Layers, HostileNodes) {
  int count = 0;
  const auto error = [&](const TarBuilder& builder) {
    return error_of(unpack(std::to_string(count++), builder.done()));
  };
  EXPECT_THAT(error(TarBuilder().add({.name = "w", .type = '3', .data = {}, .link = {}})),
              HasSubstr("a character device 0:0"));
  EXPECT_THAT(error(TarBuilder().file("a").file("a/b")), HasSubstr("'a' is not a directory"));
  EXPECT_THAT(error(TarBuilder().file("../x")), HasSubstr("contains '..'"));
  EXPECT_THAT(error(TarBuilder().file("./", "x")), HasSubstr("the root is not a directory"));
  EXPECT_FALSE(exists("x"));
}

TEST_F(Layers, Limits) {
  UnpackOptions entries;
  entries.max_entries = 2;
  EXPECT_TRUE(test::ok(unpack("1", TarBuilder().file("a").file("b").done(), entries)));
  EXPECT_THAT(error_of(unpack("2", TarBuilder().file("a").file("b").file("c").done(), entries)),
              HasSubstr("more than the limit of 2 entries"));
  UnpackOptions bytes;
  bytes.limits.max_bytes = 10'000;
  EXPECT_THAT(error_of(unpack("3", TarBuilder().file("a", std::string(20'000, 'x')).done(), bytes)),
              HasSubstr("limit of 10000 bytes"));
  const std::string sparse =
      TarBuilder().pax({{"GNU.sparse.size", "99999999"}, {"GNU.sparse.map", "0,1"}}).file("s", "x").done();
  EXPECT_THAT(error_of(unpack("4", sparse, bytes)), HasSubstr("limit of 10000 bytes"));
}

TEST_F(Layers, FullFileSystem) {
  const sys::UniqueFd tmpfs =
      ASSERT_VALUE(sys::make_filesystem({.type = "tmpfs", .options = {{"size", "64k"}}}));
  const sys::DirFd dir = ASSERT_VALUE(sys::open_dir(sys::DirRef(tmpfs.get()), "."));
  StringSource source(TarBuilder().dir("d").file("d/big", std::string(200'000, 'x')).done());
  const auto result = unpack_layer(source, dir, {});
  EXPECT_EQ(error_of(result), "unpacking 'd/big': writing: no space left on device");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().hint(), HasSubstr("free space or inodes"));
}

// As deep as it may be, in one step and by way of a symlink that leads deep already.
TEST_F(Layers, DeepPaths) {
  std::string deep = "d";
  for (int i = 0; i < 199; ++i) deep += "/d";
  const TarBuilder builder = TarBuilder()
                                 .pax({{"path", deep + "/f"}})
                                 .file("x", "content")
                                 .pax({{"linkpath", deep}})
                                 .symlink("l", "x");
  const UnpackResult result = ASSERT_VALUE(unpack("t", builder.done()));
  EXPECT_EQ(result.implied_directories.size(), 200U);
  EXPECT_TRUE(test::ok(unpack("2", TarBuilder(builder).file("l/e/e/e/f").done())));
  EXPECT_THAT(
      error_of(unpack("3", TarBuilder(builder).pax({{"path", "l/" + deep.substr(0, 120)}}).file("x").done())),
      HasSubstr("lies deeper than 256 directories"));
}

TEST_F(Layers, TargetMustBeEmpty) {
  ASSERT_TRUE(test::ok(sys::make_dirs(temp_.dir(), "t/x")));
  EXPECT_THAT(error_of(unpack("t", TarBuilder().file("a").done())), HasSubstr("is not empty"));
}

TEST_F(Layers, OddPaddingIsRecorded) {
  std::string archive = TarBuilder().file("a", "content").done();
  archive[512 + 300] = 'j';
  ASSERT_VALUE(unpack("t", archive));
  EXPECT_THAT(content("t.record"), HasSubstr("blocks="));
  EXPECT_EQ(content("t/a"), "content");
}

// They do not depend on the place, the time or the compression.
TEST_F(Layers, RecordsAreReproducible) {
  const std::string archive =
      TarBuilder().file("d/a", "x").symlink("l", "y").link("h", "d/a").file(".wh.w").done();
  const UnpackResult one = ASSERT_VALUE(unpack("1", archive));
  UnpackOptions options;
  options.pipelined = false;
  const UnpackResult two = ASSERT_VALUE(unpack("2", gzip(archive), options));
  EXPECT_EQ(*one.record_digest, *two.record_digest);
}

TEST_F(Layers, Aci) {
  const std::string archive = TarBuilder()
                                  .dir("rootfs", 0711)
                                  .file("rootfs/.wh.a", "ordinary")
                                  .file("rootfs/a", "x")
                                  .link("rootfs/h", "rootfs/a")
                                  .file("manifest", "{}")
                                  .done();
  const UnpackResult result = ASSERT_VALUE(unpack_aci("t", gzip(archive)));
  EXPECT_EQ(result.aci_manifest, "{}");
  EXPECT_EQ(result.diff_id, hash_of(HashAlgorithm::kSha512, archive));
  EXPECT_THAT(names("t"), ElementsAre(".wh.a", "a", "h"));
  EXPECT_EQ(look("t").st_mode & 07777U, 0711U);
  EXPECT_EQ(look("t/a").st_ino, look("t/h").st_ino);
}

TEST_F(Layers, BadAcis) {
  int count = 0;
  const auto error = [&](const TarBuilder& builder) {
    return error_of(unpack_aci(std::to_string(count++), builder.done()));
  };
  const auto base = [] { return TarBuilder().file("manifest", "{}").dir("rootfs"); };
  EXPECT_EQ(error(base()), "(no error)");
  EXPECT_THAT(error(TarBuilder().file("manifest", "{}")), HasSubstr("no 'rootfs'"));
  EXPECT_THAT(error(TarBuilder().dir("rootfs")), HasSubstr("no 'manifest'"));
  EXPECT_THAT(error(base().file("manifest", "{}")), HasSubstr("two manifests"));
  EXPECT_THAT(error(base().file("other")), HasSubstr("only 'manifest' and 'rootfs'"));
  EXPECT_THAT(error(base().file("rootfsx/a")), HasSubstr("only 'manifest' and 'rootfs'"));
  EXPECT_THAT(error(base().file("manifest/x")), HasSubstr("only 'manifest' and 'rootfs'"));
  EXPECT_THAT(error(base().file("rootfs/a").file("rootfs/a")), HasSubstr("duplicate"));
  EXPECT_THAT(error(base().dir("rootfs/d").dir("rootfs/d")), HasSubstr("duplicate"));
  EXPECT_THAT(error(base().dir("rootfs")), HasSubstr("duplicate"));
  EXPECT_THAT(error(base().link("rootfs/h", "manifest")), HasSubstr("is not in 'rootfs'"));
  EXPECT_THAT(error(TarBuilder().symlink("manifest", "x").dir("rootfs")), HasSubstr("not a plain file"));
  EXPECT_THAT(error(TarBuilder().file("manifest", std::string(5U << 20U, ' ')).dir("rootfs")),
              HasSubstr("the limit is"));
  EXPECT_THAT(error(TarBuilder().file("manifest", "{}").symlink("rootfs", "/tmp")),
              HasSubstr("not a directory"));
}

TEST_F(Layers, LookupInLayers) {
  ASSERT_VALUE(unpack("1", TarBuilder()
                               .dir("d")
                               .file("d/a", "1")
                               .dir("o")
                               .file("o/a", "1")
                               .file("f", "1")
                               .dir("g")
                               .file("g/x")
                               .done()));
  ASSERT_VALUE(unpack_over({"1"}, "2",
                           TarBuilder()
                               .dir("d")
                               .file("d/.wh.a")
                               .dir("o")
                               .file("o/.wh..wh..opq")
                               .file("o/b")
                               .file("g")
                               .symlink("l", "d")
                               .done()));
  open_.push_back(ASSERT_VALUE(sys::open_dir(temp_.dir(), "2")));
  const sys::DirRef top(open_.back());
  open_.push_back(ASSERT_VALUE(sys::open_dir(temp_.dir(), "1")));
  const ParentLookup lookup = lookup_in_layers({top, sys::DirRef(open_.back())});
  const auto found = [&](const char* path) {
    const auto fd = lookup(path);
    EXPECT_TRUE(test::ok(fd)) << path;
    return fd && fd->has_value();
  };
  EXPECT_TRUE(found("d"));
  EXPECT_FALSE(found("d/a"));
  EXPECT_TRUE(found("o/b"));
  EXPECT_FALSE(found("o/a"));
  EXPECT_TRUE(found("f"));
  EXPECT_TRUE(found("g"));
  EXPECT_FALSE(found("g/x"));
  EXPECT_FALSE(found("l/a"));
  EXPECT_TRUE(found("l"));
  EXPECT_FALSE(found("none/at/all"));
}

TEST_F(Layers, ArchiveComesBackExactly) {
  const std::string archive = TarBuilder()
                                  .dir("d")
                                  .file("d/f", std::string(700'000, 'x') + "y")
                                  .link("d/h", "d/f")
                                  .raw(TarBuilder::header({.name = "odd", .data = {}, .link = {}}, 3))
                                  .raw("abc" + std::string(509, '!'))  // padding that is not zero
                                  .pax({{"GNU.sparse.size", "200000"}, {"GNU.sparse.map", "0,2,100000,3"}})
                                  .file("sparse", "abcde")
                                  .pax({{"SCHILY.xattr.user.x", "1"}, {"comment", "of no use"}})
                                  .file("x", "x")
                                  .symlink("l", "d")
                                  .file("l/through", "a file below a symlink")
                                  .file(".wh.gone", "a whiteout with content")
                                  .add({.name = "s", .data = "socket", .link = {}, .mode = 0140644})
                                  .done(7) +
                              "behind the end";
  for (const bool pipelined : {false, true}) {
    UnpackOptions options;
    options.pipelined = pipelined;
    const std::string name = pipelined ? "p" : "d";
    const UnpackResult result = ASSERT_VALUE(unpack(name, gzip(archive), options));
    EXPECT_TRUE(result.skeleton_digest.has_value());
    EXPECT_EQ(ASSERT_VALUE(archive_of(name, result)), archive);
    EXPECT_EQ(hash_of(HashAlgorithm::kSha256, content(name + ".archive")), result.skeleton_digest);
    EXPECT_LT(content(name + ".archive").size(), 2000U);
  }
}

TEST_F(Layers, ArchiveOfReplacedContentIsLost) {
  const UnpackResult result =
      ASSERT_VALUE(unpack("twice", TarBuilder().file("f", "1").file("f", "2").done()));
  EXPECT_FALSE(result.skeleton_digest.has_value());
  EXPECT_EQ(content("twice.archive"), "agena-archive 1 incomplete: it holds two entries of one name\n");
  const auto lost = archive_of("twice", result);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(error_of(lost), HasSubstr("two entries of one name"));
  // A directory that comes twice loses nothing.
  const std::string directories = TarBuilder().dir("d").file("d/f", "1").dir("d", 0700).done();
  const UnpackResult again = ASSERT_VALUE(unpack("directories", directories));
  EXPECT_EQ(ASSERT_VALUE(archive_of("directories", again)), directories);
}

TEST_F(Layers, MuchContentThatIsNotUnpackedIsNotKept) {
  const std::string much(kMaxUnwrittenContent + 1, 'x');
  const UnpackResult result =
      ASSERT_VALUE(unpack("much", TarBuilder().file(".wh.gone", much).file("f", "1").done()));
  EXPECT_FALSE(result.skeleton_digest.has_value());
  EXPECT_LT(content("much.archive").size(), 200U);
}

TEST_F(Layers, ChangedLayersGiveNoArchive) {
  const std::string archive = TarBuilder().dir("d").file("d/f", "12345").file("g", "6").done();
  const UnpackResult result = ASSERT_VALUE(unpack("t", archive));
  ASSERT_TRUE(test::ok(sys::write_file(temp_.dir(), "t/d/f", "12x45")));
  EXPECT_THAT(error_of(archive_of("t", result)), HasSubstr("the layer has changed"));
  ASSERT_TRUE(test::ok(sys::write_file(temp_.dir(), "t/d/f", "12")));
  EXPECT_EQ(archive_of("t", result).error().kind(), ErrorKind::kVerification);
  ASSERT_TRUE(test::ok(sys::remove_file(temp_.dir(), "t/d/f")));
  EXPECT_THAT(error_of(archive_of("t", result)), HasSubstr("'d/f'"));
  ASSERT_TRUE(test::ok(sys::make_symlink("../g", temp_.dir(), "t/d/f")));
  EXPECT_FALSE(archive_of("t", result).has_value());
  ASSERT_EQ(::truncate((temp_.path() + "/t.archive").c_str(), 40), 0);
  EXPECT_FALSE(archive_of("t", result).has_value());
}

}  // namespace
}  // namespace agena::stage0
