#include "stage0/unpack/tar_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stage0/unpack/tar_header.h"
#include "stage0/unpack/tar_parser.h"
#include "tests/support/result_matchers.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using agena::testing::TarBuilder;
using agena::testing::TarMemberSpec;
using std::string_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Type = TarEntry::Type;

struct Member {
  TarEntry entry;
  std::string content;
};
struct Listing {
  std::vector<Member> members;
  std::vector<std::string> warnings;
};

Result<Listing> list(const std::string& archive) {
  StringSource source(archive);
  TarReader reader(source);
  Listing listing;
  TarEntry entry;
  while (TRY(reader.next(entry))) {
    Member member{.entry = entry, .content = {}};
    while (true) {
      const std::span<const char> piece = TRY(reader.data());
      if (piece.empty()) break;
      member.content.append(piece.data(), piece.size());
    }
    EXPECT_EQ(member.content.size(), entry.stored_size);
    listing.members.push_back(std::move(member));
  }
  listing.warnings = reader.warnings();
  return listing;
}

Result<TarEntry> only(const std::string& archive) {
  Listing listing = TRY(list(archive));
  if (listing.members.size() != 1) return fail(ErrorKind::kInternal, "{} members", listing.members.size());
  return std::move(listing.members[0].entry);
}

std::string error_for(const std::string& archive) { return error_of(list(archive)); }

TEST(TarReader, OrdinaryMembers) {
  const std::string archive =
      TarBuilder()
          .dir("d/", 0750)
          .add({.name = "d/f", .data = "hello", .link = {}, .mode = 04755, .uid = 7, .gid = 8})
          .symlink("l", "d/f")
          .link("h", "d/f")
          .add({.name = "c", .type = '3', .data = {}, .link = {}, .dev_major = 1, .dev_minor = 3})
          .add({.name = "b", .type = '4', .data = {}, .link = {}, .dev_major = 8})
          .add({.name = "p", .type = '6', .data = {}, .link = {}})
          .add({.name = "s", .data = {}, .link = {}, .mode = 0140644})
          .done();
  const Listing listing = ASSERT_VALUE(list(archive));
  ASSERT_EQ(listing.members.size(), 8U);
  EXPECT_TRUE(listing.warnings.empty());
  const auto& m = listing.members;
  EXPECT_EQ(m[0].entry.type, Type::kDirectory);
  EXPECT_EQ(m[0].entry.mode, 0750U);
  EXPECT_EQ(m[1].entry.path, "d/f");
  EXPECT_EQ(m[1].content, "hello");
  EXPECT_EQ(m[1].entry.mode, 04755U);
  EXPECT_EQ(m[1].entry.uid, 7U);
  EXPECT_EQ(m[1].entry.gid, 8U);
  EXPECT_EQ(m[1].entry.mtime_sec, 1'700'000'000);
  EXPECT_EQ(m[1].entry.data_offset, 1024U);
  EXPECT_EQ(m[2].entry.type, Type::kSymlink);
  EXPECT_EQ(m[2].entry.link_target, "d/f");
  EXPECT_EQ(m[3].entry.type, Type::kHardLink);
  EXPECT_EQ(m[4].entry.type, Type::kCharDevice);
  EXPECT_EQ(m[4].entry.dev_minor, 3U);
  EXPECT_EQ(m[5].entry.type, Type::kBlockDevice);
  EXPECT_EQ(m[6].entry.type, Type::kFifo);
  EXPECT_EQ(m[7].entry.type, Type::kSocket);
  EXPECT_EQ(m[7].entry.mode, 0644U);
}

TEST(TarReader, UnreadContentIsSkipped) {
  StringSource source(TarBuilder().file("a", std::string(100'000, 'x')).file("b", "y").done());
  TarReader reader(source);
  TarEntry entry;
  EXPECT_TRUE(ASSERT_VALUE(reader.next(entry)));
  EXPECT_FALSE(ASSERT_VALUE(reader.data()).empty());
  EXPECT_TRUE(ASSERT_VALUE(reader.next(entry)));
  EXPECT_EQ(entry.path, "b");
  EXPECT_EQ(ASSERT_VALUE(reader.read_content(1)), "y");
  EXPECT_FALSE(ASSERT_VALUE(reader.next(entry)));
}

TEST(TarReader, ReadContentHasALimit) {
  StringSource source(TarBuilder().file("a", "12345").done());
  TarReader reader(source);
  TarEntry entry;
  ASSERT_TRUE(ASSERT_VALUE(reader.next(entry)));
  EXPECT_EQ(error_of(reader.read_content(4)), "'a' has 5 bytes; the limit is 4");
}

TEST(TarReader, EndOfArchive) {
  const TarBuilder one = TarBuilder().file("a", "x");
  EXPECT_TRUE(ASSERT_VALUE(list(one.done())).warnings.empty());
  EXPECT_TRUE(ASSERT_VALUE(list(one.done(20))).warnings.empty());
  EXPECT_THAT(ASSERT_VALUE(list(one.done(0))).warnings, ElementsAre("the archive has no end marker"));
  EXPECT_THAT(ASSERT_VALUE(list(one.done(1))).warnings,
              ElementsAre("the archive's end marker is one block instead of two"));
  EXPECT_THAT(ASSERT_VALUE(list(one.done() + "junk")).warnings,
              ElementsAre("4 bytes behind the end of the archive (byte 2048) are ignored"));
  const Listing doubled = ASSERT_VALUE(list(one.done() + one.done()));
  EXPECT_EQ(doubled.members.size(), 1U);
  EXPECT_EQ(doubled.warnings.size(), 1U);
  EXPECT_THAT(error_for(one.done(1) + one.done()), HasSubstr("a lone zero block"));
  EXPECT_THAT(error_for(one.done() + std::string(kMaxTarTrailer + 1, '\0')),
              HasSubstr("too much data behind"));
}

TEST(TarReader, EveryCutInsideAMemberIsAnError) {
  const std::string archive = TarBuilder()
                                  .pax({{"path", std::string(600, 'p')}})
                                  .file("a", std::string(700, 'x'))
                                  .extension('L', std::string(150, 'n') + '\0')
                                  .file("b", "y")
                                  .done(0);
  const std::size_t first_end = 512 + 1024 + 512 + 1024;
  for (std::size_t size = 1; size < archive.size(); ++size) {
    const auto result = list(archive.substr(0, size));
    if (size == first_end) {
      EXPECT_TRUE(result);
      continue;
    }
    ASSERT_FALSE(result) << size;
  }
}

TEST(TarReader, LongNames) {
  const std::string name(300, 'n');
  const std::string target(400, 't');
  const std::string gnu =
      TarBuilder().extension('L', name + '\0').extension('K', target + '\0').symlink("short", "st").done();
  TarEntry entry = ASSERT_VALUE(only(gnu));
  EXPECT_EQ(entry.path, name);
  EXPECT_EQ(entry.link_target, target);
  entry =
      ASSERT_VALUE(only(TarBuilder().pax({{"path", name}, {"linkpath", target}}).symlink("x", "y").done()));
  EXPECT_EQ(entry.path, name);
  EXPECT_EQ(entry.link_target, target);
  TarMemberSpec spec{.name = "name", .data = {}, .link = {}};
  std::string header = TarBuilder::header(spec, 0);
  TarBuilder::put(header, 345, "some/prefix");
  TarBuilder::seal(header);
  EXPECT_EQ(ASSERT_VALUE(only(TarBuilder().raw(header).done())).path, "some/prefix/name");
  TarBuilder::put(header, 257, "ustar  \0"s);  // GNU: no prefix there
  TarBuilder::seal(header);
  EXPECT_EQ(ASSERT_VALUE(only(TarBuilder().raw(header).done())).path, "name");
}

TEST(TarReader, ExtensionsThatReadersDisagreeAbout) {
  const std::string name = "long\0"s;
  const auto two = [](const TarBuilder& builder) { return error_for(builder.done()); };
  EXPECT_THAT(two(TarBuilder().pax({{"a", "b"}}).pax({{"a", "b"}}).file("f")), HasSubstr("two pax headers"));
  EXPECT_THAT(two(TarBuilder().extension('L', name).extension('L', name).file("f")),
              HasSubstr("two long names"));
  EXPECT_THAT(two(TarBuilder().pax({{"path", "x"}}).extension('L', name).file("f")),
              HasSubstr("both a pax and a GNU"));
  EXPECT_THAT(two(TarBuilder().pax({{"path", "x"}}).pax({{"c", "d"}}, 'g').file("f")),
              HasSubstr("global pax header"));
  EXPECT_THAT(two(TarBuilder().pax({{"path", "x"}})), HasSubstr("behind an extension header"));
  EXPECT_THAT(two(TarBuilder().extension('L', "")), HasSubstr("an empty long name"));
}

// A pax size is the member's; the long name in between has its own (GHSA-j5gw-2vrg-8fgx).
TEST(TarReader, PaxSizeIsNotThatOfALongName) {
  const std::string archive = TarBuilder()
                                  .pax({{"size", "1024"}})
                                  .extension('L', "name\0"s)
                                  .raw(TarBuilder::header({.name = "f", .data = {}, .link = {}}, 0))
                                  .raw(std::string(1024, 'c'))
                                  .file("next", "n")
                                  .done();
  const Listing listing = ASSERT_VALUE(list(archive));
  ASSERT_EQ(listing.members.size(), 2U);
  EXPECT_EQ(listing.members[0].entry.path, "name");
  EXPECT_EQ(listing.members[0].content, std::string(1024, 'c'));
  EXPECT_EQ(listing.members[1].entry.path, "next");
}

TEST(TarReader, ExtensionsAreLimited) {
  EXPECT_TRUE(
      list(TarBuilder().pax({{"comment", std::string(kMaxTarExtension - 100, 'c')}}).file("f").done()));
  EXPECT_THAT(error_for(TarBuilder().pax({{"comment", std::string(kMaxTarExtension, 'c')}}).file("f").done()),
              HasSubstr("the limit is 1048576"));
}

TEST(TarReader, PaxAttributes) {
  const TarEntry entry = ASSERT_VALUE(only(TarBuilder()
                                               .pax({{"uid", "4294967294"},
                                                     {"gid", "70000"},
                                                     {"mtime", "-1.25"},
                                                     {"SCHILY.xattr.user.x", "a\0=b\n"s},
                                                     {"SCHILY.xattr.user.y", ""},
                                                     {"SCHILY.xattr.user.x", "last"},
                                                     {"comment", "nothing"}})
                                               .file("f")
                                               .done()));
  EXPECT_EQ(entry.uid, 4294967294U);
  EXPECT_EQ(entry.gid, 70000U);
  EXPECT_EQ(entry.mtime_sec, -2);
  EXPECT_EQ(entry.mtime_nsec, 750'000'000U);
  ASSERT_EQ(entry.xattrs.size(), 2U);
  EXPECT_EQ(entry.xattrs[0].name, "user.x");
  EXPECT_EQ(entry.xattrs[0].value, "last");
  EXPECT_EQ(entry.xattrs[1].value, "");
}

// They belong to one member only.
TEST(TarReader, PaxAttributesEndWithTheirMember) {
  const Listing listing =
      ASSERT_VALUE(list(TarBuilder()
                            .pax({{"path", "p"}, {"uid", "5"}, {"SCHILY.xattr.user.x", "1"}})
                            .file("a")
                            .file("b")
                            .done()));
  EXPECT_EQ(listing.members[1].entry.path, "b");
  EXPECT_EQ(listing.members[1].entry.uid, 0U);
  EXPECT_TRUE(listing.members[1].entry.xattrs.empty());
}

TEST(TarReader, Ids) {
  const auto with = [](const std::string& key, const std::string& value) {
    return error_for(TarBuilder().pax({{key, value}}).file("f").done());
  };
  EXPECT_EQ(with("uid", "4294967294"), "(no error)");
  EXPECT_THAT(with("uid", "4294967295"), HasSubstr("beyond the largest id"));
  EXPECT_THAT(with("uid", "4294967296"), HasSubstr("beyond the largest id"));
  EXPECT_THAT(with("gid", "4294967301"), HasSubstr("beyond the largest id"));
  EXPECT_THAT(with("gid", "-1"), HasSubstr("not a number"));
}

TEST(TarReader, SizesOfWhatIsNoFile) {
  const auto with_size = [](char type) {
    return TarBuilder()
        .file("a", "x")
        .raw(TarBuilder::header({.name = "m", .type = type, .data = {}, .link = "a"}, 600))
        .file("b")
        .done();
  };
  const Listing link = ASSERT_VALUE(list(with_size('1')));
  EXPECT_EQ(link.members.size(), 3U);
  EXPECT_EQ(link.members[1].entry.size, 0U);
  for (const char type : {'2', '3', '4', '5', '6'})
    EXPECT_THAT(error_for(with_size(type)), HasSubstr("has a size"));
}

TEST(TarReader, Types) {
  const auto of = [](char type, std::string name) {
    return only(TarBuilder().add({.name = std::move(name), .type = type, .data = {}, .link = {}}).done());
  };
  EXPECT_EQ(ASSERT_VALUE(of('7', "f")).type, Type::kFile);
  EXPECT_EQ(ASSERT_VALUE(of('\0', "f")).type, Type::kFile);
  EXPECT_EQ(ASSERT_VALUE(of('\0', "d/")).type, Type::kDirectory);
  EXPECT_EQ(ASSERT_VALUE(of('0', "f/")).type, Type::kFile);
  for (const char type : {'8', 'D', 'M', 'N', 'V', 'X', 'A', 'Z', '\x80'})
    EXPECT_THAT(error_of(of(type, "f")), HasSubstr("unknown type"));
  EXPECT_THAT(error_of(of('0', "")), HasSubstr("without a name"));
  EXPECT_THAT(error_of(of('2', "l")), HasSubstr("has no target"));
}

TEST(TarReader, HeaderDamage) {
  std::string archive = TarBuilder().file("a").done();
  archive[0] = 'b';
  EXPECT_EQ(error_for(archive), "malformed archive: member at byte 0: wrong header checksum");
  EXPECT_THAT(error_for(std::string(512, 'U')),
              HasSubstr("the checksum in the header is not an octal number"));
}

std::string number_field(std::string_view text, std::size_t width = 12) {
  std::string field(text);
  field.resize(width, '\0');
  return field;
}

TEST(TarNumbers, OctalAndBinary) {
  const auto parse = [](const std::string& field) { return parse_tar_number(field, "size"); };
  EXPECT_EQ(ASSERT_VALUE(parse(number_field("00000000644"))), 0644);
  EXPECT_EQ(ASSERT_VALUE(parse("         17 ")), 017);
  EXPECT_EQ(ASSERT_VALUE(parse("777777777777")), 0777777777777);
  EXPECT_EQ(ASSERT_VALUE(parse(number_field(""))), 0);
  EXPECT_EQ(ASSERT_VALUE(parse("            ")), 0);
  EXPECT_EQ(ASSERT_VALUE(parse("\x80\0\0\0\0\0\0\x02\0\0\0\0"s)), 1LL << 33U);
  EXPECT_EQ(ASSERT_VALUE(parse("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s)), INT64_MAX);
  EXPECT_EQ(ASSERT_VALUE(parse(std::string(12, '\xff'))), -1);
  EXPECT_EQ(ASSERT_VALUE(parse("\xff\xff\xff\xff\xff\xff\xff\x80"s)), -128);
  EXPECT_EQ(ASSERT_VALUE(parse("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0"s)), INT64_MIN);
  EXPECT_FALSE(parse("\x80\0\0\0\x80\0\0\0\0\0\0\0"s));
  EXPECT_FALSE(parse("\x80\x01\0\0\0\0\0\0\0\0\0\0"s));
  for (const std::string& bad :
       {number_field("12x"), number_field("8"), number_field("-5"), number_field("\0"s + "17"),
        number_field("1 2"), number_field("+7"), number_field("0x1f")})
    EXPECT_FALSE(parse(bad)) << bad;
}

TEST(PaxRecords, Malformed) {
  for (const std::string& content :
       {"9 path=abcdef\n"s, "10 path=bb"s, "99999999999999999999 path=b\n"s, "6 abc\n"s, "5 =b\n"s,
        "x a=b\n"s, " a=b\n"s, "0 a=b\n"s, "3 \n"s, "-6 a=b\n"s, "8 a\0b=c\n"s, "12 path=a\0b\n"s,
        "11 size=1x\n"s, "6 a=b\nrest"s, "13 mtime=NaN\n"s, "14 mtime=1.2x\n"s, "12 mtime=--1\n"s,
        "29 mtime=99999999999999999999\n"s})
    EXPECT_FALSE(parse_pax(content)) << content;
  EXPECT_TRUE(parse_pax(""));
  EXPECT_TRUE(parse_pax("6 a=b\n8 path=\n"));
}

TEST(PaxRecords, Global) {
  EXPECT_TRUE(check_pax_global(TarBuilder::record("comment", "abc") + TarBuilder::record("mtime", "1")));
  for (const char* key : {"path", "linkpath", "size", "uid", "gid", "GNU.sparse.map", "SCHILY.xattr.user.x"})
    EXPECT_THAT(error_of(check_pax_global(TarBuilder::record(key, "1"))), HasSubstr("global pax header"));
}

TEST(PaxRecords, Times) {
  const auto time = [](const std::string& text) {
    return parse_pax(TarBuilder::record("mtime", text))->mtime;
  };
  EXPECT_EQ(time("12")->sec, 12);
  EXPECT_EQ(time("12.5")->nsec, 500'000'000U);
  EXPECT_EQ(time("12.0000000019")->nsec, 1U);
  EXPECT_EQ(time("12.")->nsec, 0U);
  EXPECT_EQ(time("-3")->sec, -3);
  EXPECT_EQ(time("-3.1")->sec, -4);
  EXPECT_EQ(time("-3.1")->nsec, 900'000'000U);
}

// The same file in every way that GNU tar has stored it.
TEST(Sparse, AllFormats) {
  const std::string data = std::string(512, 'A') + std::string(100, 'B');
  const std::string map = "2\n1024\n512\n8192\n100\n";
  std::string old = TarBuilder::header({.name = "s", .type = 'S', .data = {}, .link = {}}, data.size());
  TarBuilder::put(old, 257, "ustar  \0"s);
  TarBuilder::put(old, 386, "00000002000\00000000001000\00000000020000\00000000000144\0"s);
  TarBuilder::put(old, 483, "00000100000\0"s);
  TarBuilder::seal(old);
  const std::string stored = TarBuilder::padded(data);
  const TarMemberSpec plain{.name = "GNUSparseFile.0/s", .data = data, .link = {}};
  const std::vector<std::string> archives = {
      TarBuilder().raw(old).raw(stored).file("next").done(),
      TarBuilder()
          .pax({{"GNU.sparse.size", "32768"},
                {"GNU.sparse.numblocks", "2"},
                {"GNU.sparse.offset", "1024"},
                {"GNU.sparse.numbytes", "512"},
                {"GNU.sparse.offset", "8192"},
                {"GNU.sparse.numbytes", "100"},
                {"path", "s"}})
          .add(plain)
          .file("next")
          .done(),
      TarBuilder()
          .pax({{"GNU.sparse.size", "32768"},
                {"GNU.sparse.map", "1024,512,8192,100"},
                {"GNU.sparse.name", "s"}})
          .add(plain)
          .file("next")
          .done(),
      TarBuilder()
          .pax({{"GNU.sparse.major", "1"},
                {"GNU.sparse.minor", "0"},
                {"GNU.sparse.realsize", "32768"},
                {"GNU.sparse.name", "s"}})
          .add({.name = "x", .data = TarBuilder::padded(map) + data, .link = {}})
          .file("next")
          .done(),
  };
  for (const std::string& archive : archives) {
    const Listing listing = ASSERT_VALUE(list(archive));
    ASSERT_EQ(listing.members.size(), 2U);
    const TarEntry& entry = listing.members[0].entry;
    EXPECT_EQ(entry.path, "s");
    EXPECT_TRUE(entry.sparse);
    EXPECT_EQ(entry.size, 32768U);
    EXPECT_EQ(entry.stored_size, data.size());
    ASSERT_EQ(entry.segments.size(), 2U);
    EXPECT_EQ(entry.segments[1].offset, 8192U);
    EXPECT_EQ(entry.segments[1].length, 100U);
    EXPECT_EQ(listing.members[0].content, data);
    EXPECT_FALSE(listing.members[1].entry.sparse);
    EXPECT_TRUE(listing.members[1].entry.segments.empty());
  }
}

TEST(Sparse, BadMaps) {
  const auto with = [](const std::string& map, const std::string& size = "8192") {
    return error_for(TarBuilder()
                         .pax({{"GNU.sparse.size", size}, {"GNU.sparse.map", map}})
                         .file("s", std::string(100, 'x'))
                         .done());
  };
  EXPECT_EQ(with("0,100"), "(no error)");
  EXPECT_EQ(with("0,100,8192,0"), "(no error)");
  for (const char* map :
       {"0,99", "0,101", "0,60,50,40", "100,50,0,50", "8192,100", "8100,100", "0", "0,100,", "a,b", "-1,100",
        "0,100,9000,0", "18446744073709551615,100", "0,50,9223372036854775807,50"})
    EXPECT_NE(with(map), "(no error)") << map;
  EXPECT_NE(with("0,100", "99"), "(no error)");
  EXPECT_THAT(error_for(TarBuilder().pax({{"GNU.sparse.map", "0,1"}}).file("s", "x").done()),
              HasSubstr("without its size"));
  EXPECT_THAT(error_for(TarBuilder().pax({{"GNU.sparse.size", "1"}}).dir("s").done()), HasSubstr("no file"));
}

TEST(Sparse, BadMapsInFront) {
  const auto with = [](const std::string& content, const std::string& minor = "0") {
    return error_for(
        TarBuilder()
            .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", minor}, {"GNU.sparse.realsize", "8192"}})
            .file("s", content)
            .done());
  };
  EXPECT_EQ(with(TarBuilder::padded("1\n0\n3\n") + "abc"), "(no error)");
  EXPECT_EQ(with(TarBuilder::padded("0\n")), "(no error)");
  EXPECT_THAT(with(TarBuilder::padded("1\n0\n3\n") + "abc", "1"), HasSubstr("unknown version"));
  EXPECT_THAT(with("1\n0\n3\n"), HasSubstr("longer than the member"));
  EXPECT_THAT(with(""), HasSubstr("longer than the member"));
  EXPECT_THAT(with(TarBuilder::padded("999999999\n")), HasSubstr("too many entries"));
  EXPECT_THAT(with(TarBuilder::padded("99999999999999999999999\n")), HasSubstr("no list of numbers"));
  EXPECT_THAT(with(TarBuilder::padded("1\n\n3\n") + "abc"), HasSubstr("no list of numbers"));
  EXPECT_THAT(with(std::string(512, '1')), HasSubstr("no list of numbers"));
}

TEST(IndexTar, FindsContentsInPlace) {
  const test::TempDir temp;
  const std::string big(300'000, 'b');
  ASSERT_TRUE(test::ok(sys::write_file(
      temp.dir(), "t",
      TarBuilder().dir("./blobs/").file("./blobs/a", big).file("/index", "i").symlink("l", "x").done())));
  const sys::UniqueFd fd = ASSERT_VALUE(sys::open_at(temp.dir(), "t", O_RDONLY));
  const std::vector<TarMember> members = ASSERT_VALUE(index_tar(fd.get()));
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].path, "blobs/a");
  EXPECT_EQ(members[1].path, "index");
  EXPECT_EQ(members[2].type, Type::kSymlink);
  FdSource blob(fd.get(), members[0].data_offset, members[0].size);
  EXPECT_EQ(ASSERT_VALUE(read_to_end(blob, big.size())), big);
  EXPECT_THAT(error_of(index_tar(fd.get(), 2)), HasSubstr("more than 2 members"));
}

TEST(IndexTar, CutFileIsAnError) {
  const test::TempDir temp;
  const std::string whole = TarBuilder().file("a", std::string(100'000, 'b')).done();
  ASSERT_TRUE(test::ok(sys::write_file(temp.dir(), "t", whole.substr(0, 60'000))));
  const sys::UniqueFd fd = ASSERT_VALUE(sys::open_at(temp.dir(), "t", O_RDONLY));
  EXPECT_THAT(error_of(index_tar(fd.get())), HasSubstr("cut short"));
}

}  // namespace
}  // namespace agena::stage0
