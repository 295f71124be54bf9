// Archives that are made while they are read, and the rules of what is in them. What needs device nodes and
// trusted attributes is tested in tests/integration/store.
#include <sys/stat.h>
#include <unistd.h>

#include <sys/xattr.h>

#include <map>

#include "stage0/image/render/dependencies.h"
#include "stage0/image/render/merged_archive.h"
#include "stage0/image/render/tar_headers.h"
#include "stage0/unpack/tar_reader.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using test::ok;

// --- headers ---

std::string archive_of(const TarEntry& entry, const std::string& content) {
  const auto header = tar_header(entry);
  EXPECT_TRUE(ok(header));
  return (header ? *header : "") + content + tar_padding(content.size()) + tar_end();
}

void expect_same(const TarEntry& entry, const std::string& content = "") {
  StringSource source(archive_of(entry, content));
  TarReader reader(source);
  TarEntry read;
  ASSERT_TRUE(ASSERT_VALUE(reader.next(read)));
  std::string path = read.path;
  if (path.ends_with('/')) path.pop_back();
  EXPECT_EQ(path, entry.path);
  EXPECT_EQ(read.type, entry.type);
  EXPECT_EQ(read.link_target, entry.link_target);
  EXPECT_EQ(read.mode, entry.mode);
  EXPECT_EQ(read.uid, entry.uid);
  EXPECT_EQ(read.gid, entry.gid);
  EXPECT_EQ(read.mtime_sec, entry.mtime_sec);
  EXPECT_EQ(read.mtime_nsec, entry.mtime_nsec);
  EXPECT_EQ(read.dev_major, entry.dev_major);
  EXPECT_EQ(read.dev_minor, entry.dev_minor);
  ASSERT_EQ(read.xattrs.size(), entry.xattrs.size());
  for (std::size_t i = 0; i < read.xattrs.size(); ++i) {
    EXPECT_EQ(read.xattrs[i].name, entry.xattrs[i].name);
    EXPECT_EQ(read.xattrs[i].value, entry.xattrs[i].value);
  }
  EXPECT_EQ(ASSERT_VALUE(reader.read_content(1U << 20U)), content);
  EXPECT_FALSE(ASSERT_VALUE(reader.next(read)));
  EXPECT_TRUE(reader.warnings().empty());
}

TEST(TarHeadersTest, AreReadBackAsTheyWere) {
  TarEntry file;
  file.path = "dir/file";
  file.mode = 04755;
  file.uid = 1000;
  file.size = 5;
  file.mtime_sec = 1'700'000'000;
  expect_same(file, "hello");

  TarEntry wide = file;
  wide.path = std::string(90, 'd') + "/" + std::string(200, 'n');
  wide.uid = 4'000'000'000U;
  wide.gid = 3'000'000'000U;
  wide.mtime_nsec = 123'456'789;
  wide.xattrs = {{.name = "user.a", .value = std::string("\0=\n", 3)},
                 {.name = "security.capability", .value = std::string(20, '\1')}};
  expect_same(wide, "hello");

  TarEntry old = file;
  old.mtime_sec = -2;
  old.mtime_nsec = 500'000'000;
  expect_same(old, "hello");
  old.mtime_sec = -1;
  expect_same(old, "hello");
  old.mtime_sec = -5;
  old.mtime_nsec = 0;
  expect_same(old, "hello");

  TarEntry bytes = file;
  bytes.path = "not\xffutf8";
  expect_same(bytes, "hello");

  TarEntry link;
  link.type = TarEntry::Type::kSymlink;
  link.path = "link";
  link.link_target = std::string(300, 't');
  expect_same(link);

  TarEntry device;
  device.type = TarEntry::Type::kBlockDevice;
  device.path = "device";
  device.dev_major = 259;
  device.dev_minor = 1'048'575;
  expect_same(device);

  TarEntry directory;
  directory.type = TarEntry::Type::kDirectory;
  directory.path = "directory";
  directory.mode = 01777;
  expect_same(directory);
}

TEST(TarHeadersTest, SocketsHaveNone) {
  TarEntry socket;
  socket.type = TarEntry::Type::kSocket;
  EXPECT_FALSE(tar_header(socket));
}

// --- whitelists ---

TEST(PathFilterTest, ListsPathsAndKnowsTheWayThere) {
  const PathFilter filter({"/bin/sh", "/etc/", "/usr/lib/../share/x"});
  EXPECT_TRUE(filter.lists("bin/sh"));
  EXPECT_TRUE(filter.lists("etc"));
  EXPECT_TRUE(filter.lists("usr/share/x"));
  EXPECT_FALSE(filter.lists("bin"));
  EXPECT_FALSE(filter.lists("bin/s"));
  EXPECT_TRUE(filter.leads_to_listed("bin"));
  EXPECT_TRUE(filter.leads_to_listed(""));
  EXPECT_TRUE(filter.leads_to_listed("usr/share"));
  EXPECT_FALSE(filter.leads_to_listed("usr/lib"));
  EXPECT_FALSE(filter.leads_to_listed("bi"));
}

TEST(PathRulesTest, DirectoriesNeedNotBeInTheImagesOwnList) {
  PathRules rules;
  EXPECT_TRUE(rules.allow("any", false));
  rules.own.emplace_back(std::vector<std::string>{"/a/keep"});
  EXPECT_TRUE(rules.allow("a/keep", false));
  EXPECT_FALSE(rules.allow("a/drop", false));
  EXPECT_TRUE(rules.allow("empty", true));
  rules.dependants.emplace_back(std::vector<std::string>{"/a/keep", "/b"});
  EXPECT_TRUE(rules.allow("a/keep", false));
  EXPECT_TRUE(rules.allow("a", true));
  EXPECT_FALSE(rules.allow("empty", true));
  EXPECT_FALSE(rules.allow("b", false)) << "not in its own list";
}

TEST(RenderedKeyTest, IsRktsTreeId) {
  const auto key = ASSERT_VALUE(LayerKey::parse("sha256-" + std::string(64, '0')));
  std::vector<RenderInput> inputs = {{.image_id = "sha512-a", .layer = key, .rules = {}},
                                     {.image_id = "sha512-b", .layer = key, .rules = {}}};
  const Digest digest = hash_of(HashAlgorithm::kSha512, "sha512-a,sha512-b");
  EXPECT_EQ(ASSERT_VALUE(rendered_key(inputs)).str(), "deps-sha512-" + digest.hex().substr(0, 64));
}

// --- merging ---

class MergeTest : public ::testing::Test {
 protected:
  // A file in the n-th tree.
  void file(int tree, const std::string& path, const std::string& content) {
    const std::string full = std::to_string(tree) + "/" + path;
    ASSERT_TRUE(ok(sys::make_dirs(dir_.dir(), full.substr(0, full.rfind('/')))));
    ASSERT_TRUE(ok(sys::write_file(dir_.dir(), full, content)));
  }
  MergeInput input(int tree, PathRules rules = {}) {
    EXPECT_TRUE(ok(sys::make_dirs(dir_.dir(), std::to_string(tree))));
    auto opened = sys::open_dir(dir_.dir(), std::to_string(tree));
    EXPECT_TRUE(ok(opened));
    return {.tree = *std::move(opened), .rules = std::move(rules)};
  }
  // Path -> content of files, target of links ("-> x"), "/" for directories.
  std::map<std::string, std::string> merged(std::vector<MergeInput> inputs, const std::string& prefix = "") {
    std::map<std::string, std::string> members;
    auto archive = open_merged_archive(std::move(inputs), {.prefix = prefix});
    EXPECT_TRUE(ok(archive));
    if (!archive) return members;
    TarReader reader(**archive);
    TarEntry entry;
    while (true) {
      const auto more = reader.next(entry);
      EXPECT_TRUE(ok(more));
      if (!more || !*more) return members;
      EXPECT_FALSE(members.contains(entry.path)) << entry.path;
      std::string& shown = members[entry.path];
      if (entry.type == TarEntry::Type::kDirectory) shown = "/";
      if (!entry.link_target.empty()) shown = "-> " + entry.link_target;
      if (entry.type == TarEntry::Type::kFile) shown = reader.read_content(1U << 20U).value_or("?");
    }
  }
  const sys::DirFd& dir() const { return dir_.dir(); }
  std::string dir_path() const { return dir_.path(); }

 private:
  test::TempDir dir_;
};

using Members = std::map<std::string, std::string>;

TEST_F(MergeTest, ExtendedAttributesGoAlong) {
  file(0, "d/f", "1");
  const std::string path = dir_path() + "/0/d/f";
  if (::setxattr(path.c_str(), "user.key", "value", 5, 0) != 0) GTEST_SKIP() << "no user.* attributes here";
  std::vector<MergeInput> inputs;
  inputs.push_back(input(0));
  const auto archive = ASSERT_VALUE(open_merged_archive(std::move(inputs), {}));
  TarReader reader(*archive);
  TarEntry entry;
  std::size_t found = 0;
  while (ASSERT_VALUE(reader.next(entry))) found += entry.xattrs.size();
  EXPECT_EQ(found, 1U);
}

TEST_F(MergeTest, TheFirstTreeThatHasAPathWins) {
  file(0, "both", "upper");
  file(0, "d/one", "1");
  file(1, "both", "lower");
  file(1, "d/two", "2");
  std::vector<MergeInput> inputs;
  inputs.push_back(input(0));
  inputs.push_back(input(1));
  EXPECT_EQ(merged(std::move(inputs), "rootfs"), (Members{{"rootfs/", "/"},
                                                          {"rootfs/both", "upper"},
                                                          {"rootfs/d/", "/"},
                                                          {"rootfs/d/one", "1"},
                                                          {"rootfs/d/two", "2"}}));
}

TEST_F(MergeTest, NothingComesFromBelowANonDirectory) {
  file(0, "d", "a file");
  file(1, "d/x", "hidden");
  file(1, "e", "shown");
  std::vector<MergeInput> inputs;
  inputs.push_back(input(0));
  inputs.push_back(input(1));
  EXPECT_EQ(merged(std::move(inputs)), (Members{{"./", "/"}, {"d", "a file"}, {"e", "shown"}}));
}

TEST_F(MergeTest, HardLinksStayTogetherInATree) {
  file(0, "a", "content");
  ASSERT_EQ(::linkat(dir().get(), "0/a", dir().get(), "0/b", 0), 0);
  ASSERT_EQ(::linkat(dir().get(), "0/a", dir().get(), "0/c", 0), 0);
  // The first name is not taken: the others must still have the content.
  PathRules rules;
  rules.own.emplace_back(std::vector<std::string>{"/b", "/c"});
  std::vector<MergeInput> inputs;
  inputs.push_back(input(0, rules));
  EXPECT_EQ(merged(std::move(inputs)), (Members{{"./", "/"}, {"b", "content"}, {"c", "-> b"}}));
}

TEST_F(MergeTest, LargeFilesAndSymlinksComeThrough) {
  const std::string large(300'000, 'x');
  file(0, "large", large);
  ASSERT_EQ(::symlinkat("../else", dir().get(), "0/link"), 0);
  std::vector<MergeInput> inputs;
  inputs.push_back(input(0));
  EXPECT_EQ(merged(std::move(inputs)), (Members{{"./", "/"}, {"large", large}, {"link", "-> ../else"}}));
}

}  // namespace
}  // namespace agena::stage0
