// Roots of pods with user namespaces: owners as seen inside and outside, and all that an overlay does to
// files.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>

#include <gtest/gtest.h>

#include "common/sys/namespaces.h"
#include "common/sys/overlay.h"
#include "common/sys/user_namespace.h"
#include "stage0/tree/copy_tree.h"
#include "stage0/tree/mapped_layers.h"
#include "stage0/tree/overlay_root.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using test::ok;

constexpr sys::IdRange kIds = {0x0100'0000, 65536};

class MappedTreeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(ok(sys::enter_private_mount_namespace())); }

  void SetUp() override {
    auto users = PodUsers::of(kIds);
    ASSERT_TRUE(ok(users));
    users_.emplace(*std::move(users));
    for (const char* name : {"lower", "merged", "copy", "pod"})
      ASSERT_TRUE(ok(sys::make_dir(sys::at_cwd(), path(name))));
    // Down to here the pod's users must be able to come.
    ASSERT_EQ(::chmod(temp_.path().c_str(), 0755), 0);
    lower_.push_back(sys::open_dir(path("lower")).value());
    pod_ = sys::open_dir(path("pod")).value();
    file("lower/plain", 0, 0, 0644);
    file("lower/users", 1000, 1001, 0600);
    file("lower/suid", 0, 0, 04755);
    file("lower/beyond", 70000, 70000, 0640);
    ASSERT_TRUE(ok(sys::make_dir(sys::at_cwd(), path("lower/dir"))));
    file("lower/dir/inner", 5, 5, 0644);
  }
  void TearDown() override { ::umount2(path("merged").c_str(), MNT_DETACH); }

  std::string path(const std::string& name) const { return temp_.path() + "/" + name; }

  void file(const std::string& name, uid_t uid, gid_t gid, mode_t mode) {
    ASSERT_TRUE(ok(sys::write_file(sys::at_cwd(), path(name), name, 0600)));
    ASSERT_EQ(::chown(path(name).c_str(), uid, gid), 0);
    ASSERT_EQ(::chmod(path(name).c_str(), mode), 0);
  }

  struct Owner {
    uid_t uid;
    gid_t gid;
    bool operator==(const Owner&) const = default;
  };
  Owner owner(const std::string& name) const {
    struct stat st{};
    EXPECT_EQ(::lstat(path(name).c_str(), &st), 0) << name << ": " << std::strerror(errno);
    return {st.st_uid, st.st_gid};
  }
  static constexpr Owner host(std::uint32_t id) { return {kIds.first + id, kIds.first + id}; }

  void make_upper_of_pod() {
    const MappedLayers layers = MappedLayers::make(lower_, *users_).value();
    ASSERT_TRUE(ok(make_upper(layers.open()[0], pod_, "up/upper", "up/work", {&kIds})));
    upper_ = sys::open_dir(pod_, "up/upper").value();
    work_ = sys::open_dir(pod_, "up/work").value();
  }
  void mount() {
    make_upper_of_pod();
    const MappedLayers layers = MappedLayers::make(lower_, *users_).value();
    ASSERT_TRUE(ok(mount_mapped_root({.layers = {}, .upper = &upper_, .work = &work_}, layers,
                                     sys::open_dir(path("merged")).value())));
  }

  // Does something as root of the pod's user namespace; 0 or the errno that it gives.
  int in_pod(const std::function<int()>& action) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setns(users_->user_namespace.get(), CLONE_NEWUSER) != 0 || !sys::become_root()) ::_exit(255);
      ::_exit(action() == 0 ? 0 : errno);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
  }
  int write_in_pod(const std::string& name) {
    return in_pod([&] {
      const int fd = ::open(path(name).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      return fd >= 0 && ::write(fd, "x", 1) == 1 ? 0 : -1;
    });
  }

  test::TempDir temp_;
  std::optional<PodUsers> users_;
  std::vector<sys::DirFd> lower_;
  sys::DirFd pod_, upper_, work_;
};

TEST_F(MappedTreeTest, OwnersOutsideAndInside) {
  mount();
  EXPECT_EQ(owner("merged"), host(0));
  EXPECT_EQ(owner("merged/plain"), host(0));
  EXPECT_EQ(owner("merged/users"), (Owner{kIds.first + 1000, kIds.first + 1001}));
  EXPECT_EQ(owner("merged/beyond"), (Owner{sys::kNobody, sys::kNobody}));
  EXPECT_EQ(owner("lower/users"), (Owner{1000, 1001})) << "the layer stays as it is";
  EXPECT_EQ(in_pod([&] {
              struct stat st{};
              if (::stat(path("merged/users").c_str(), &st) != 0) return -1;
              errno = EBADMSG;
              return st.st_uid == 1000 && st.st_gid == 1001 ? 0 : -1;
            }),
            0);
}

TEST_F(MappedTreeTest, WritingInThePod) {
  mount();
  EXPECT_EQ(write_in_pod("merged/new"), 0);
  EXPECT_EQ(owner("pod/up/upper/new"), host(0));
  EXPECT_EQ(write_in_pod("merged/users"), 0) << "copied up";
  EXPECT_EQ(owner("pod/up/upper/users"), (Owner{kIds.first + 1000, kIds.first + 1001}));
  EXPECT_EQ(sys::read_file(sys::at_cwd(), path("lower/users")).value(), "lower/users");
  EXPECT_EQ(sys::read_file(sys::at_cwd(), path("merged/users")).value(), "lower/usersx");
  EXPECT_EQ(in_pod([&] { return ::chown(path("merged/plain").c_str(), 7, 8); }), 0);
  EXPECT_EQ(owner("merged/plain"), (Owner{kIds.first + 7, kIds.first + 8}));
  EXPECT_EQ(in_pod([&] { return ::chown(path("merged/plain").c_str(), 65536, 0); }), EINVAL);
}

TEST_F(MappedTreeTest, RenamesAndWhiteouts) {
  mount();
  EXPECT_EQ(in_pod([&] { return ::rename(path("merged/plain").c_str(), path("merged/moved").c_str()); }), 0);
  EXPECT_EQ(in_pod([&] { return ::unlink(path("merged/dir/inner").c_str()); }), 0);
  EXPECT_EQ(in_pod([&] { return ::rmdir(path("merged/dir").c_str()); }), 0);
  EXPECT_EQ(in_pod([&] { return ::mkdir(path("merged/dir").c_str(), 0755); }), 0) << "opaque";
  EXPECT_TRUE(sys::list_dir(sys::at_cwd(), path("merged/dir")).value().empty());
  EXPECT_EQ(owner("merged/moved"), host(0));
  struct stat st{};
  ASSERT_EQ(::lstat(path("pod/up/upper/plain").c_str(), &st), 0);
  EXPECT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) << "a whiteout";
  EXPECT_TRUE(sys::exists(sys::at_cwd(), path("lower/plain")).value());
}

TEST_F(MappedTreeTest, FilesBeyondTheRangeStayAsTheyAre) {
  mount();
  EXPECT_EQ(in_pod([&] { return ::open(path("merged/beyond").c_str(), O_RDONLY) >= 0 ? 0 : -1; }), EACCES);
  EXPECT_NE(write_in_pod("merged/beyond"), 0);
  EXPECT_NE(in_pod([&] { return ::chown(path("merged/beyond").c_str(), 0, 0); }), 0);
  EXPECT_EQ(in_pod([&] { return ::unlink(path("merged/beyond").c_str()); }), EOVERFLOW);
}

TEST_F(MappedTreeTest, OnKernelsThatTakeNoDetachedMounts) {
  make_upper_of_pod();
  const MappedLayers layers = MappedLayers::make(lower_, *users_).value();
  sys::OverlaySpec spec;
  spec.lowers = {&layers.open()[0]};
  spec.upper = &upper_;
  spec.work = &work_;
  ASSERT_TRUE(ok(sys::mount_overlay_by_path(spec, sys::open_dir(path("merged")).value())));
  EXPECT_EQ(owner("lower/users"), (Owner{1000, 1001}));
  EXPECT_EQ(owner("merged/users"), (Owner{kIds.first + 1000, kIds.first + 1001}));
  EXPECT_EQ(write_in_pod("merged/users"), 0);
}

TEST_F(MappedTreeTest, CopiesBelongToThePodOnDisk) {
  vfs_cap_data caps{};
  caps.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  caps.data[0].permitted = 1U << CAP_NET_RAW;
  ASSERT_EQ(::setxattr(path("lower/users").c_str(), "security.capability", &caps, XATTR_CAPS_SZ_2, 0), 0);
  const MappedLayers layers = MappedLayers::make(lower_, *users_).value();
  // Nobody can read what belongs to nobody.
  ASSERT_EQ(::chmod(path("lower/beyond").c_str(), 0644), 0);
  ASSERT_TRUE(ok(copy_layers(layers.open(), layers.open()[0], sys::open_dir(path("copy")).value(), {&kIds})));
  EXPECT_EQ(owner("copy"), host(0));
  EXPECT_EQ(owner("copy/users"), (Owner{kIds.first + 1000, kIds.first + 1001}));
  EXPECT_EQ(owner("copy/beyond"), host(sys::kNobody));
  struct stat st{};
  ASSERT_EQ(::stat(path("copy/suid").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 04755U);
  vfs_ns_cap_data copied{};
  ASSERT_EQ(::getxattr(path("copy/users").c_str(), "security.capability", &copied, sizeof copied),
            static_cast<ssize_t>(sizeof copied));
  EXPECT_EQ(copied.rootid, kIds.first) << "counts in the pod only";
}

TEST_F(MappedTreeTest, FileSystemsThatCannotMapIdsAreNamed) {
  const auto mapped = sys::clone_idmapped(sys::open_dir("/proc/self").value(), "", users_->user_namespace);
  ASSERT_FALSE(mapped.has_value());
  EXPECT_EQ(mapped.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(mapped.error().hint().find("idmapped mounts"), std::string::npos);
}

TEST_F(MappedTreeTest, FilesOfTheSupervisorBelongToThePod) {
  make_upper_of_pod();
  {
    const auto owner = sys::FileOwner::become(kIds);
    ASSERT_TRUE(ok(owner));
    ASSERT_EQ(::chmod(path("pod/up/upper").c_str(), 0555), 0);
    ASSERT_TRUE(ok(sys::write_file(upper_, "status", "0"))) << "with all capabilities";
    {
      const auto self = sys::FileOwner::become_self();
      ASSERT_TRUE(ok(self));
      ASSERT_TRUE(ok(sys::write_file(pod_, "of-the-host", "0")));
    }
    ASSERT_TRUE(ok(sys::write_file(upper_, "again", "0"))) << "with all capabilities again";
  }
  EXPECT_EQ(owner("pod/of-the-host"), (Owner{0, 0}));
  EXPECT_EQ(owner("pod/up/upper/again"), host(0));
  EXPECT_EQ(owner("pod/up/upper/status"), host(0));
  ASSERT_TRUE(ok(sys::write_file(pod_, "own", "0")));
  EXPECT_EQ(owner("pod/own"), (Owner{0, 0}));
}

}  // namespace
}  // namespace agena::stage0
