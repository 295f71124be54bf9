// Roots out of layers, by overlay and by copy: the same tree both ways, with everything that a tree can hold.
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/namespaces.h"
#include "common/sys/overlay.h"
#include "stage0/tree/copy_tree.h"
#include "stage0/tree/overlay_root.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using test::ok;

// What tests/support/tree_digest.py prints for a tree.
std::string digest(const std::string& path) {
  const std::string command = "python3 " AGENA_SOURCE_DIR "/tests/support/tree_digest.py '" + path + "'";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::string text;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  EXPECT_EQ(::pclose(pipe), 0);
  return text;
}

class TreeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Everything mounted here dies with the process.
    ASSERT_TRUE(ok(sys::enter_private_mount_namespace()));
  }

  void TearDown() override { ::umount2((temp_.path() + "/merged").c_str(), MNT_DETACH); }

  // A new layer on top.
  std::string add_layer() {
    const std::string path = temp_.path() + "/layer" + std::to_string(layers_.size());
    EXPECT_TRUE(ok(sys::make_dir(sys::at_cwd(), path)));
    layers_.push_back(sys::open_dir(path).value());
    return path + "/";
  }

  void file(const std::string& path, const std::string& text, mode_t mode = 0644) {
    EXPECT_TRUE(ok(sys::write_file(sys::at_cwd(), path, text, mode)));
    const timespec times[] = {{1000000000, 1}, {1100000000, 123456789}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  void dir(const std::string& path, mode_t mode = 0755) {
    EXPECT_TRUE(ok(sys::make_dir(sys::at_cwd(), path, mode)));
  }
  static void whiteout(const std::string& path) {
    EXPECT_EQ(::mknod(path.c_str(), S_IFCHR, 0), 0) << std::strerror(errno);
  }
  static void opaque(const std::string& path) {
    EXPECT_EQ(::setxattr(path.c_str(), "trusted.overlay.opaque", "y", 1, 0), 0) << std::strerror(errno);
  }

  // Makes both trees and returns their listings.
  std::pair<std::string, std::string> both() {
    for (const char* name : {"/merged", "/copy", "/pod"}) dir(temp_.path() + name);
    const sys::DirFd pod = sys::open_dir(temp_.path() + "/pod").value();
    EXPECT_TRUE(ok(check_overlay_usable(pod)));
    EXPECT_TRUE(sys::list_dir(pod).value().empty()) << "the trial leaves nothing";
    EXPECT_TRUE(ok(make_upper(layers_.back(), pod, "up/upper", "up/work")));
    const sys::DirFd upper = sys::open_dir(pod, "up/upper").value();
    const sys::DirFd work = sys::open_dir(pod, "up/work").value();
    EXPECT_TRUE(ok(mount_overlay_root({.layers = layers_, .upper = &upper, .work = &work},
                                      sys::open_dir(temp_.path() + "/merged").value())));
    EXPECT_TRUE(ok(copy_layers(layers_, layers_.back(), sys::open_dir(temp_.path() + "/copy").value())));
    return {digest(temp_.path() + "/merged"), digest(temp_.path() + "/copy")};
  }

  test::TempDir temp_;
  std::vector<sys::DirFd> layers_;
};

TEST_F(TreeTest, OneLayerOfEverything) {
  const std::string l = add_layer();
  ASSERT_EQ(::chmod(l.c_str(), 01751), 0);
  ASSERT_EQ(::chown(l.c_str(), 3, 4), 0);
  dir(l + "bin");
  file(l + "bin/su", "set-id", 06755);
  ASSERT_EQ(::chown((l + "bin/su").c_str(), 0, 12), 0);
  ASSERT_EQ(::chmod((l + "bin/su").c_str(), 06755), 0);
  file(l + "bin/ping", "capable", 0755);
  vfs_cap_data caps{};
  caps.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  caps.data[0].permitted = 1U << CAP_NET_RAW;
  ASSERT_EQ(::chown((l + "bin/ping").c_str(), 7, 8), 0);
  ASSERT_EQ(::setxattr((l + "bin/ping").c_str(), "security.capability", &caps, XATTR_CAPS_SZ_2, 0), 0);
  file(l + "attributed", "x", 0400);
  ASSERT_EQ(::setxattr((l + "attributed").c_str(), "user.note", "a\0b", 3, 0), 0);
  ASSERT_EQ(::setxattr((l + "attributed").c_str(), "user.empty", "", 0, 0), 0);
  dir(l + "sticky", 01777);
  ASSERT_EQ(::setxattr((l + "sticky").c_str(), "user.dir", "d", 1, 0), 0);
  file(l + "name with \xff bytes\n", "odd");
  ASSERT_EQ(::symlink("/nowhere/../x", (l + "dangling").c_str()), 0);
  ASSERT_EQ(::lchown((l + "dangling").c_str(), 9, 9), 0);
  ASSERT_EQ(::mkfifo((l + "fifo").c_str(), 0620), 0);
  ASSERT_EQ(::mknod((l + "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::mknod((l + "disk").c_str(), S_IFBLK | 0660, makedev(8, 1)), 0);
  ASSERT_EQ(::mknod((l + "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  file(l + "sticky/first", "linked");
  ASSERT_EQ(::link((l + "sticky/first").c_str(), (l + "second").c_str()), 0);
  ASSERT_EQ(::link((l + "fifo").c_str(), (l + "same-fifo").c_str()), 0);
  const timespec times[] = {{5, 0}, {946684800, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (l + "sticky").c_str(), times, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, (l + "dangling").c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  const auto [overlay, copy] = both();
  EXPECT_EQ(overlay, copy);
  EXPECT_EQ(digest(l), copy) << "one layer is the tree";
  EXPECT_NE(copy.find("security.capability"), std::string::npos);
}

TEST_F(TreeTest, UpperLayersHideLowerOnes) {
  const std::string a = add_layer();
  for (const char* name : {"keep", "gone-dir", "replaced-dir", "opaque", "merged", "merged/sub"})
    dir(a + name);
  file(a + "keep/file", "base");
  file(a + "gone", "base");
  file(a + "gone-dir/x", "base");
  file(a + "replaced-dir/x", "base");
  file(a + "becomes-dir", "base");
  file(a + "opaque/old", "base");
  file(a + "merged/a", "base");
  file(a + "merged/b", "base");
  file(a + "merged/sub/deep", "base");
  file(a + "twice", "base");
  ASSERT_EQ(::symlink("keep", (a + "link").c_str()), 0);

  const std::string b = add_layer();
  whiteout(b + "gone");
  whiteout(b + "gone-dir");
  file(b + "replaced-dir", "now a file");
  dir(b + "becomes-dir", 0700);
  file(b + "becomes-dir/x", "new");
  dir(b + "opaque");
  opaque(b + "opaque");
  file(b + "opaque/new", "new");
  dir(b + "merged", 0711);
  whiteout(b + "merged/a");
  file(b + "merged/b", "changed", 0600);
  file(b + "merged/c", "new");
  dir(b + "link");
  file(b + "link/x", "a directory over a symlink");
  whiteout(b + "never-was");
  whiteout(b + "twice");

  const std::string c = add_layer();
  dir(c + "gone-dir");
  file(c + "gone-dir/back", "again");
  dir(c + "merged");
  dir(c + "merged/sub");
  file(c + "merged/sub/top", "top");
  file(c + "twice", "back");
  dir(c + "opaque");
  file(c + "opaque/newest", "newest");

  const auto [overlay, copy] = both();
  EXPECT_EQ(overlay, copy);
  // The rules themselves, so that both being wrong in the same way is noticed.
  const auto has = [&](const std::string& path) {
    return sys::exists(sys::at_cwd(), temp_.path() + "/copy/" + path).value();
  };
  EXPECT_FALSE(has("gone"));
  EXPECT_FALSE(has("never-was"));
  EXPECT_FALSE(has("gone-dir/x")) << "a whiteout below a new directory hides the old content";
  EXPECT_TRUE(has("gone-dir/back"));
  EXPECT_FALSE(has("opaque/old"));
  EXPECT_TRUE(has("opaque/new") && has("opaque/newest"));
  EXPECT_FALSE(has("merged/a"));
  EXPECT_TRUE(has("merged/sub/deep") && has("merged/sub/top"));
  EXPECT_TRUE(has("twice") && has("keep/file") && has("link/x"));
}

TEST_F(TreeTest, HardLinksWhoseNamesAreHidden) {
  const std::string a = add_layer();
  file(a + "one", "shared");
  ASSERT_EQ(::link((a + "one").c_str(), (a + "two").c_str()), 0);
  ASSERT_EQ(::link((a + "one").c_str(), (a + "three").c_str()), 0);
  const std::string b = add_layer();
  file(b + "one", "other");
  const auto [overlay, copy] = both();
  // The overlay shows a link count that includes hidden names; the listing counts names, and is the same.
  EXPECT_EQ(overlay, copy);
  struct stat two{};
  struct stat three{};
  ASSERT_EQ(::stat((temp_.path() + "/copy/two").c_str(), &two), 0);
  ASSERT_EQ(::stat((temp_.path() + "/copy/three").c_str(), &three), 0);
  EXPECT_EQ(two.st_ino, three.st_ino);
  EXPECT_EQ(two.st_nlink, 2U);
}

TEST_F(TreeTest, HolesStayHoles) {
  const std::string l = add_layer();
  const sys::UniqueFd fd = sys::open_at(sys::at_cwd(), l + "sparse", O_CREAT | O_RDWR, 0644).value();
  constexpr off_t kSize = off_t{5} << 30;
  ASSERT_EQ(::ftruncate(fd.get(), kSize), 0);
  ASSERT_EQ(::pwrite(fd.get(), "middle", 6, off_t{3} << 30), 6);
  ASSERT_EQ(::pwrite(fd.get(), "begin", 5, 0), 5);
  dir(temp_.path() + "/copy");
  ASSERT_TRUE(ok(copy_layers(layers_, layers_.back(), sys::open_dir(temp_.path() + "/copy").value())));
  struct stat st{};
  ASSERT_EQ(::stat((temp_.path() + "/copy/sparse").c_str(), &st), 0);
  EXPECT_EQ(st.st_size, kSize);
  EXPECT_LT(st.st_blocks * 512, 1 << 20);
  const sys::UniqueFd copy = sys::open_at(sys::at_cwd(), temp_.path() + "/copy/sparse", O_RDONLY).value();
  char text[7] = {};
  ASSERT_EQ(::pread(copy.get(), text, 6, off_t{3} << 30), 6);
  EXPECT_STREQ(text, "middle");
}

TEST_F(TreeTest, HostileLayersCannotReachOut) {
  const std::string outside = temp_.path() + "/outside";
  dir(outside);
  file(outside + "/secret", "secret");
  const std::string a = add_layer();
  dir(a + "d");
  file(a + "d/x", "x");
  // A symlink where a lower layer has a directory: it is copied as a symlink, not walked through.
  const std::string b = add_layer();
  ASSERT_EQ(::symlink(outside.c_str(), (b + "d").c_str()), 0);
  const auto [overlay, copy] = both();
  EXPECT_EQ(overlay, copy);
  EXPECT_EQ(sys::list_dir(sys::open_dir(outside).value()).value().size(), 1U);
}

TEST_F(TreeTest, AHundredLayers) {
  for (int i = 0; i < 100; ++i) {
    const std::string l = add_layer();
    dir(l + "d");
    file(l + "d/f" + std::to_string(i), std::to_string(i));
    if (i % 10 == 9) whiteout(l + "d/f" + std::to_string(i - 5));
  }
  const auto [overlay, copy] = both();
  EXPECT_EQ(overlay, copy);
}

TEST_F(TreeTest, MoreLayersThanTheKernelTakesIsAClearError) {
  add_layer();
  while (layers_.size() < 501) layers_.emplace_back(sys::duplicate(layers_.front().get()).value().release());
  const auto mounted = mount_overlay_root({.layers = layers_}, layers_.front());
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().message(), "the root has 501 layers; an overlay takes at most 500");
}

// What kernels before 6.13 get: layers by path, detached ones attached for the moment.
class OverlayByPath : public TreeTest {
 protected:
  // Mounts and gives the content of /top in the overlay.
  std::string mounted_top() {
    for (const char* name : {"/merged", "/upper", "/work"}) dir(temp_.path() + name);
    const sys::DirFd upper = sys::open_dir(temp_.path() + "/upper").value();
    const sys::DirFd work = sys::open_dir(temp_.path() + "/work").value();
    sys::OverlaySpec spec;
    spec.upper = &upper;
    spec.work = &work;
    for (auto it = layers_.rbegin(); it != layers_.rend(); ++it) spec.lowers.push_back(&*it);
    const std::string merged = temp_.path() + "/merged";
    if (!ok(sys::mount_overlay_by_path(spec, sys::open_dir(merged).value()))) return "";
    EXPECT_EQ(::umount2((temp_.path() + "/work").c_str(), MNT_DETACH), -1)
        << "nothing stays on the work directory";
    EXPECT_TRUE(ok(sys::write_file(sys::at_cwd(), merged + "/new", "x", 0644)));
    EXPECT_TRUE(sys::exists(sys::at_cwd(), temp_.path() + "/upper/new").value());
    return sys::read_file(sys::at_cwd(), merged + "/top").value();
  }
  void add_layers(int count) {
    for (int n = 0; n < count; ++n) file(add_layer() + "top", std::to_string(n));
  }
};

// A parameter of the overlay module for as long as it lives; other overlays that are made meanwhile on the
// host get it too, and are none the worse.
class ModuleParameter {
 public:
  explicit ModuleParameter(const std::string& name) : path_("/sys/module/overlay/parameters/" + name) {
    const auto before = sys::read_file(sys::at_cwd(), path_);
    if (before) before_ = *before;
    set_ = before && write("Y");
  }
  ModuleParameter(const ModuleParameter&) = delete;
  ModuleParameter& operator=(const ModuleParameter&) = delete;
  ~ModuleParameter() {
    if (set_) write(before_);
  }
  bool set() const { return set_; }

 private:
  bool write(const std::string& value) {
    const auto file = sys::open_at(sys::at_cwd(), path_, O_WRONLY);
    return file && sys::write_all(file->get(), value).has_value();
  }
  std::string path_;
  std::string before_;
  bool set_ = false;
};

TEST_F(OverlayByPath, UpperLayersReferToNothingWhateverTheHostsDefaults) {
  add_layers(2);
  dir(temp_.path() + "/layer1/d");
  file(temp_.path() + "/layer1/d/f", "x");
  for (const bool by_path : {false, true}) {
    const std::string top = temp_.path() + (by_path ? "/p" : "/d");
    for (const char* name : {"", "/upper", "/work", "/merged"}) dir(top + name);
    const sys::DirFd upper = sys::open_dir(top + "/upper").value();
    const sys::DirFd work = sys::open_dir(top + "/work").value();
    const sys::DirFd merged = sys::open_dir(top + "/merged").value();
    sys::OverlaySpec spec;
    spec.lowers = {&layers_[1], &layers_[0]};
    spec.upper = &upper;
    spec.work = &work;
    {
      const ModuleParameter redirect("redirect_dir");
      const ModuleParameter metacopy("metacopy");
      if (!redirect.set() || !metacopy.set()) GTEST_SKIP() << "the host's defaults cannot be changed";
      ASSERT_TRUE(ok(by_path ? sys::mount_overlay_by_path(spec, merged) : sys::mount_overlay(spec, merged)));
    }
    EXPECT_EQ(::rename((top + "/merged/d").c_str(), (top + "/merged/e").c_str()), -1);
    EXPECT_EQ(errno, EXDEV);
    ASSERT_EQ(::chmod((top + "/merged/d/f").c_str(), 0600), 0);
    EXPECT_EQ(::getxattr((top + "/upper/d/f").c_str(), "trusted.overlay.metacopy", nullptr, 0), -1);
    EXPECT_EQ(sys::read_file(upper, "d/f").value_or("?"), "x");
    ::umount2((top + "/merged").c_str(), MNT_DETACH);
  }
}

TEST_F(OverlayByPath, PlainLayers) {
  const std::string before = std::filesystem::current_path();
  add_layers(3);
  EXPECT_EQ(mounted_top(), "2");
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST_F(OverlayByPath, AsManyAsTheKernelAllows) {
  add_layers(sys::kMaxOverlayLayers);
  EXPECT_EQ(mounted_top(), std::to_string(sys::kMaxOverlayLayers - 1));
}

TEST_F(OverlayByPath, DetachedLayers) {
  add_layers(3);
  for (const std::size_t n : {0U, 2U})
    layers_[n] = sys::DirFd(sys::clone_mount(layers_[n], "", false).value().release());
  EXPECT_EQ(mounted_top(), "2");
}

// Where an upper layer cannot be: an overlay on an overlay's own root.
TEST_F(TreeTest, UnusableFileSystemsAreNoticed) {
  add_layer();
  (void)both();
  const sys::DirFd merged = sys::open_dir(temp_.path() + "/merged").value();
  const auto usable = check_overlay_usable(merged);
  ASSERT_FALSE(usable);
  EXPECT_EQ(usable.error().kind(), ErrorKind::kUnsupported);
  EXPECT_TRUE(sys::list_dir(merged).value().empty()) << "the trial leaves nothing";
}

}  // namespace
}  // namespace agena::stage0
