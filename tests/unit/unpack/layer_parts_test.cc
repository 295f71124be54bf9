// The parts that the applier is made of, as far as they need no privileges.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "stage0/unpack/dir_cache.h"
#include "stage0/unpack/file_writer.h"
#include "stage0/unpack/layer_path.h"
#include "stage0/unpack/record_format.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using std::string_literals::operator""s;
using test::TempDir;
using ::testing::HasSubstr;

TEST(LayerPath, Normalised) {
  for (const auto& [raw, want] : std::vector<std::pair<std::string, std::string>>{{"a/b", "a/b"},
                                                                                  {"/a//b/", "a/b"},
                                                                                  {"./a/./b/.", "a/b"},
                                                                                  {"./", ""},
                                                                                  {"///", ""},
                                                                                  {"", ""},
                                                                                  {"...", "..."},
                                                                                  {"a/..b", "a/..b"},
                                                                                  {"\xff\n", "\xff\n"}})
    EXPECT_EQ(ASSERT_VALUE(normalise_path(raw)), want) << raw;
}

TEST(LayerPath, Refused) {
  for (const std::string& raw : {".."s, "../a"s, "a/../b"s, "a/.."s, "/.."s})
    EXPECT_THAT(error_of(normalise_path(raw)), HasSubstr("contains '..'")) << raw;
  EXPECT_TRUE(normalise_path(std::string(255, 'n')));
  EXPECT_THAT(error_of(normalise_path("a/" + std::string(256, 'n'))), HasSubstr("a name of 256 bytes"));
  std::string longest;
  while (longest.size() < 4000) longest += std::string(99, 'd') + "/";
  longest += std::string(95, 'x');
  EXPECT_TRUE(normalise_path(longest));
  EXPECT_THAT(error_of(normalise_path(longest + "y")), HasSubstr("4096 bytes; the limit is 4095"));
  std::string deepest = "d";
  for (int i = 0; i < 255; ++i) deepest += "/d";
  EXPECT_TRUE(normalise_path(deepest));
  EXPECT_EQ(error_of(normalise_path(deepest + "/d")), "the path has 257 components; the limit is 256");
}

TEST(LayerPath, Parts) {
  EXPECT_EQ(split_path("a/b/c").parent, "a/b");
  EXPECT_EQ(split_path("a/b/c").name, "c");
  EXPECT_EQ(split_path("a").parent, "");
  EXPECT_EQ(join_path("", "a"), "a");
  EXPECT_EQ(join_path("a", "b"), "a/b");
  EXPECT_TRUE(is_at_or_below("a/b", "a"));
  EXPECT_TRUE(is_at_or_below("a", "a"));
  EXPECT_TRUE(is_at_or_below("a", ""));
  EXPECT_FALSE(is_at_or_below("ab", "a"));
  EXPECT_FALSE(is_at_or_below("a", "a/b"));
}

TEST(RecordFormat, LinesRoundTrip) {
  const RecordLine line{.kind = RecordKind::kCharDevice,
                        .path = "a b\\c=d,e\n\xff/-",
                        .mode = 07777,
                        .uid = 4294967294,
                        .gid = 5,
                        .mtime_sec = -77,
                        .size = UINT64_MAX,
                        .dev_major = 4095,
                        .dev_minor = 1048575,
                        .content = "blocks=00ff",
                        .xattrs = {{"user.a=b", "\0\1"s}, {"user.empty", ""}, {"security.capability", "x"}},
                        .target = "-"};
  std::string text;
  append_record_line(line, text);
  ASSERT_EQ(text.back(), '\n');
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const RecordLine back = ASSERT_VALUE(parse_record_line(std::string_view(text).substr(0, text.size() - 1)));
  EXPECT_EQ(back.kind, line.kind);
  EXPECT_EQ(back.path, line.path);
  EXPECT_EQ(back.mode, line.mode);
  EXPECT_EQ(back.uid, line.uid);
  EXPECT_EQ(back.gid, line.gid);
  EXPECT_EQ(back.mtime_sec, line.mtime_sec);
  EXPECT_EQ(back.size, line.size);
  EXPECT_EQ(back.dev_major, line.dev_major);
  EXPECT_EQ(back.dev_minor, line.dev_minor);
  EXPECT_EQ(back.content, line.content);
  EXPECT_EQ(back.target, line.target);
  ASSERT_EQ(back.xattrs.size(), 3U);
  EXPECT_EQ(back.xattrs[0].name, "user.a=b");
  EXPECT_EQ(back.xattrs[0].value, "\0\1"s);
  EXPECT_EQ(back.xattrs[1].value, "");
}

TEST(RecordFormat, EmptyFields) {
  std::string text;
  append_record_line({.kind = RecordKind::kWhiteout, .path = "w", .content = {}, .xattrs = {}, .target = {}},
                     text);
  EXPECT_EQ(text, "w w 0 0 0 0 0 0:0 - - -\n");
}

TEST(RecordFormat, BrokenLines) {
  for (const char* text :
       {"", "f", "f a 1 2 3 4 5 0:0 - -", "f a 1 2 3 4 5 0:0 - - - -", "z a 0 0 0 0 0 0:0 - - -",
        "f a x 0 0 0 0 0:0 - - -", "f a 0 0 0 0 0 0 - - -", "f a\\x 0 0 0 0 0 0:0 - - -",
        "f a\\y41 0 0 0 0 0 0:0 - - -", "f a 4294967296 0 0 0 0 0:0 - - -"})
    EXPECT_FALSE(parse_record_line(text)) << text;
}

TEST(RecordFormat, Chains) {
  Hasher hasher(HashAlgorithm::kSha512);
  const HashState before = hasher.state();
  hasher.update(std::string(1024, 'x'));
  const Chain chain = ASSERT_VALUE(parse_chain_content(chain_content(before, hasher.state())));
  EXPECT_EQ(chain.before, before);
  EXPECT_EQ(chain.after, hasher.state());
  for (const char* text : {"", "chain=", "chain=00:11", "chain=00", "blocks=00"})
    EXPECT_FALSE(parse_chain_content(text));
}

TEST(RecordFormat, Header) {
  EXPECT_EQ(ASSERT_VALUE(parse_record_header("agena-tree 1 sha512")), HashAlgorithm::kSha512);
  EXPECT_EQ(ASSERT_VALUE(parse_record_header(record_header(HashAlgorithm::kSha256))), HashAlgorithm::kSha256);
  EXPECT_FALSE(parse_record_header("agena-tree 2 sha256"));
}

class Files : public ::testing::Test {
 protected:
  sys::UniqueFd create(const std::string& name) {
    auto fd = sys::open_at(temp_.dir(), name, O_RDWR | O_CREAT | O_EXCL, 0644);
    EXPECT_TRUE(test::ok(fd));
    return *std::move(fd);
  }
  std::string content(const std::string& name) {
    auto bytes = sys::read_file(temp_.dir(), name, 64U << 20U);
    EXPECT_TRUE(test::ok(bytes));
    return bytes.value_or("");
  }
  blkcnt_t blocks(const std::string& name) { return sys::stat_at(temp_.dir(), name)->st_blocks; }

  TempDir temp_;
};

// Random runs of zeros and of other bytes, written in random pieces.
TEST_F(Files, WriterKeepsContent) {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    std::string bytes;
    const std::size_t size = random() % (600U << 10U);
    while (bytes.size() < size) {
      const std::size_t run = random() % 3 == 0 ? random() % 200'000 : random() % 9000;
      bytes.append(run, random() % 2 == 0 ? '\0' : static_cast<char>('a' + (random() % 26)));
    }
    bytes.resize(size);
    const std::string name = std::to_string(round);
    const sys::UniqueFd fd = create(name);
    FileWriter writer(fd.get(), bytes.size(), {}, false, round % 2 == 0);
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t piece = std::min<std::size_t>(1 + (random() % 300'000), bytes.size() - at);
      ASSERT_TRUE(test::ok(writer.write(std::span<const char>(bytes).subspan(at, piece))));
      at += piece;
    }
    ASSERT_TRUE(test::ok(writer.finish()));
    EXPECT_EQ(content(name), bytes) << round;
  }
}

TEST_F(Files, LongZeroRunsBecomeHoles) {
  std::string bytes(4U << 20U, '\0');
  bytes[0] = 'a';
  bytes[2U << 20U] = 'b';
  const sys::UniqueFd fd = create("f");
  FileWriter writer(fd.get(), bytes.size(), {}, false, true);
  for (std::size_t at = 0; at < bytes.size(); at += 100'000)
    ASSERT_TRUE(test::ok(writer.write(
        std::span<const char>(bytes).subspan(at, std::min<std::size_t>(100'000, bytes.size() - at)))));
  ASSERT_TRUE(test::ok(writer.finish()));
  EXPECT_EQ(content("f"), bytes);
  EXPECT_LE(blocks("f"), 64);
}

TEST_F(Files, SparseMap) {
  const std::vector<TarEntry::Segment> map = {
      {.offset = 4096, .length = 3}, {.offset = 100'000, .length = 2}, {.offset = 200'000, .length = 0}};
  const sys::UniqueFd fd = create("f");
  FileWriter writer(fd.get(), 200'000, map, true, false);
  ASSERT_TRUE(test::ok(writer.write(std::span<const char>("abcd", 4))));
  ASSERT_TRUE(test::ok(writer.write(std::span<const char>("e", 1))));
  ASSERT_TRUE(test::ok(writer.finish()));
  std::string want(200'000, '\0');
  want.replace(4096, 3, "abc");
  want.replace(100'000, 2, "de");
  EXPECT_EQ(content("f"), want);
  EXPECT_FALSE(writer.write(std::span<const char>("f", 1)));
}

TEST_F(Files, BlockHashDependsOnContentOnly) {
  std::string bytes(300'000, '\0');
  bytes[100'000] = 'x';
  bytes[299'999] = 'y';
  ASSERT_TRUE(test::ok(sys::write_file(temp_.dir(), "full", bytes)));
  const sys::UniqueFd holes = create("holes");
  ASSERT_EQ(::pwrite(holes.get(), "x", 1, 100'000), 1);
  ASSERT_EQ(::pwrite(holes.get(), "y", 1, 299'999), 1);
  const auto hash = [&](const std::string& name) {
    return hash_blocks(sys::open_at(temp_.dir(), name, O_RDONLY)->get());
  };
  const std::string want = ASSERT_VALUE(hash("full"));
  EXPECT_EQ(ASSERT_VALUE(hash("holes")), want);
  ASSERT_EQ(::pwrite(holes.get(), "z", 1, 299'998), 1);
  EXPECT_NE(ASSERT_VALUE(hash("holes")), want);
}

TEST_F(Files, DirCacheRefusesSymlinks) {
  ASSERT_TRUE(test::ok(sys::make_dirs(temp_.dir(), "a/b/c")));
  ASSERT_TRUE(test::ok(sys::make_symlink("b", temp_.dir(), "a/l")));
  ASSERT_TRUE(test::ok(sys::write_file(temp_.dir(), "a/f", "")));
  DirCache cache{sys::DirRef(temp_.dir())};
  EXPECT_TRUE(cache.open("a/b/c"));
  EXPECT_TRUE(cache.open("a"));
  EXPECT_TRUE(cache.open("a/b"));
  EXPECT_EQ(*cache.open("a/b"), *cache.open("a/b"));
  EXPECT_EQ(cache.open("a/l/c").error().sys_errno(), ELOOP);
  EXPECT_EQ(cache.open("a/f").error().sys_errno(), ENOTDIR);
  EXPECT_EQ(cache.open("a/x").error().sys_errno(), ENOENT);
  EXPECT_EQ(*cache.open(""), temp_.dir().get());
}

TEST_F(Files, DirCacheForgets) {
  ASSERT_TRUE(test::ok(sys::make_dirs(temp_.dir(), "a/b")));
  DirCache cache{sys::DirRef(temp_.dir())};
  ASSERT_TRUE(cache.open("a"));
  ASSERT_TRUE(cache.open("a/b"));
  ASSERT_TRUE(test::ok(sys::remove_tree(temp_.dir(), "a")));
  cache.forget("a");
  EXPECT_FALSE(cache.open("a/b"));
}

TEST_F(Files, DirCacheIsBounded) {
  std::string deep;
  DirCache cache{sys::DirRef(temp_.dir())};
  for (int level = 0; level < 200; ++level) {
    deep += (deep.empty() ? "" : "/") + "d"s;
    ASSERT_TRUE(test::ok(sys::make_dir(temp_.dir(), deep)));
    const int fd = ASSERT_VALUE(cache.open(deep));
    EXPECT_LT(fd, 100);
  }
}

}  // namespace
}  // namespace agena::stage0
