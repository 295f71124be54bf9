// Mount plans carried out, each test in a process and a mount namespace of its own.
#include "common/sys/mount_plan.h"

#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/namespaces.h"
#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using agena::test::ok;

class MountPlanRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    for (const char* dir : {"root/dir", "host/sub", "pod/dev"}) ASSERT_TRUE(ok(make_dirs(top_.dir(), dir)));
    ASSERT_TRUE(ok(write_file(top_.dir(), "host/file", "content")));
  }

  // Runs the body in a child; what it expects counts as if it ran here. The child has a tmpfs of its own on
  // host/sub, shared with nobody else.
  void in_namespace(const std::function<void()>& body) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      if (!enter_private_mount_namespace()) ::_exit(99);
      if (::mount("none", path("host/sub").c_str(), "tmpfs", 0, "") != 0) ::_exit(98);
      body();
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }

  std::string path(const std::string& name) const { return top_.path() + "/" + name; }
  // Opened where it is used: descriptors belong to the namespace that they were opened in.
  DirFd root() const { return *open_dir(path("root")); }
  int can_write(const std::string& name) const { return write_file(at_cwd(), path(name), "x") ? 0 : errno; }

  test::TempDir top_;
};

TEST_F(MountPlanRoot, ReadOnlyHoldsForMountsBelow) {
  in_namespace([&] {
    MountOp op{.target = "dir", .source = path("host"), .recursive = true, .attributes = MOUNT_ATTR_RDONLY};
    ASSERT_TRUE(ok(run_mount_plan(root(), {op})));
    EXPECT_EQ(can_write("root/dir/x"), EROFS);
    EXPECT_EQ(can_write("root/dir/sub/x"), EROFS);
    EXPECT_EQ(can_write("host/sub/x"), 0) << "the source stays as it was";
    op.recursive = false;
    op.target = "again";
    ASSERT_TRUE(ok(run_mount_plan(root(), {op})));
    EXPECT_FALSE(*exists(at_cwd(), path("root/again/sub/x"))) << "without the mounts below";
  });
}

TEST_F(MountPlanRoot, PropagationOfLaterMounts) {
  in_namespace([&] {
    ASSERT_EQ(::mount(nullptr, path("host/sub").c_str(), nullptr, MS_SHARED, nullptr), 0);
    ASSERT_TRUE(ok(make_dirs(at_cwd(), path("host/sub/later"))));
    MountPlan plan;
    for (const auto& [target, propagation] :
         {std::pair("private", Propagation::kPrivate), std::pair("slave", Propagation::kSlave),
          std::pair("shared", Propagation::kShared)})
      plan.push_back({.target = target, .source = path("host/sub"), .propagation = propagation});
    ASSERT_TRUE(ok(run_mount_plan(root(), plan)));
    const auto mount_at = [&](const std::string& name) {
      ASSERT_EQ(::mount("none", path(name).c_str(), "tmpfs", 0, ""), 0);
      ASSERT_TRUE(ok(write_file(at_cwd(), path(name) + "/mark", "")));
    };
    const auto seen = [&](const std::string& name) { return *exists(at_cwd(), path(name) + "/later/mark"); };
    mount_at("host/sub/later");
    EXPECT_FALSE(seen("root/private"));
    EXPECT_TRUE(seen("root/slave"));
    EXPECT_TRUE(seen("root/shared"));
    ASSERT_EQ(::umount(path("host/sub/later").c_str()), 0);
    EXPECT_FALSE(seen("root/shared"));
    mount_at("root/slave/later");
    EXPECT_FALSE(seen("host/sub"));
    mount_at("root/shared/later");
    EXPECT_TRUE(seen("host/sub"));
  });
}

TEST_F(MountPlanRoot, AnOldRootTakesNoSharedMountAlong) {
  in_namespace([&] {
    ASSERT_EQ(::mount(nullptr, path("host/sub").c_str(), nullptr, MS_SHARED, nullptr), 0);
    ASSERT_TRUE(ok(make_dirs(at_cwd(), path("host/sub/later"))));
    ASSERT_EQ(::mount("none", path("host/sub/later").c_str(), "tmpfs", 0, ""), 0);
    ASSERT_TRUE(ok(write_file(at_cwd(), path("host/sub/later/mark"), "")));
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      // Peers of the parent's mounts, as those of a shared volume are.
      if (::unshare(CLONE_NEWNS) != 0) ::_exit(1);
      if (!run_mount_plan(*open_dir("/"), {{.target = path("root"), .source = path("root")}})) ::_exit(2);
      ::_exit(switch_root(root()) ? 0 : 3);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(*exists(at_cwd(), path("host/sub/later/mark")));
  });
}

TEST_F(MountPlanRoot, SourcesOfTheTwoRoots) {
  in_namespace([&] {
    ASSERT_TRUE(ok(write_file(at_cwd(), path("pod/dev/null"), "pods")));
    ASSERT_TRUE(ok(write_file(at_cwd(), path("root/dir/own"), "own")));
    ASSERT_EQ(::symlink("/dev/null", path("pod/link").c_str()), 0);
    const DirFd pod = *open_dir(path("pod"));
    const MountPlan plan = {{.target = "a", .source = "/link", .from = MountSource::kPod},
                            {.target = "b", .source = "/dir/own", .from = MountSource::kTarget}};
    const DirFd target = root();
    ASSERT_TRUE(ok(run_mount_plan({target, pod}, plan)));
    EXPECT_EQ(*read_file(at_cwd(), path("root/a")), "pods") << "a link of a root stays in that root";
    EXPECT_EQ(*read_file(at_cwd(), path("root/b")), "own");
  });
}

TEST_F(MountPlanRoot, DevicesWorkFromAFileSystemWithout) {
  in_namespace([&] {
    ASSERT_EQ(::mount("none", path("host/sub").c_str(), "tmpfs", MS_NODEV, ""), 0);
    ASSERT_EQ(::mknod(path("host/sub/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);
    ASSERT_FALSE(open_at(at_cwd(), path("host/sub/zero"), O_RDONLY));
    ASSERT_TRUE(ok(run_mount_plan(root(), {{.target = "dev/zero", .source = path("host/sub/zero")}})));
    EXPECT_TRUE(ok(open_at(at_cwd(), path("root/dev/zero"), O_RDONLY)));
  });
}

TEST_F(MountPlanRoot, MountsOfTheHostAreMadeBeforehand) {
  in_namespace([&] {
    for (const char* name : {"host/sub/mark", "host/sub/file"})
      ASSERT_TRUE(ok(write_file(at_cwd(), path(name), "content")));
    const MountOp readable{.target = "a", .source = path("host/sub"), .attributes = MOUNT_ATTR_RDONLY};
    MountOp twice = readable;
    twice.target = "b";
    const MountOp file{.target = "c", .source = path("host/sub/file")};
    const MountOp missing{.target = "d", .source = "/no/such", .missing = MissingSource::kSkip};
    HostMounts host;
    ASSERT_TRUE(ok(host.add({readable, twice, file, missing}, nullptr)));
    EXPECT_FALSE(host.add({{.target = "e", .source = "/no/such"}}, nullptr));
    // The host is out of sight.
    ASSERT_EQ(::umount(path("host/sub").c_str()), 0);
    const DirFd target = root();
    MountRoots roots{target, target};
    roots.host = &host;
    ASSERT_TRUE(ok(run_mount_plan(roots, {readable, twice, file, missing})));
    EXPECT_TRUE(*exists(at_cwd(), path("root/a/mark")));
    EXPECT_EQ(can_write("root/b/x"), EROFS);
    EXPECT_EQ(*read_file(at_cwd(), path("root/c")), "content");
    EXPECT_FALSE(run_mount_plan(roots, {readable})) << "each serves once";
    EXPECT_FALSE(run_mount_plan(roots, {{.target = "e", .source = path("host")}})) << "never made";
  });
}

TEST_F(MountPlanRoot, ErrorsNameTheSubject) {
  in_namespace([&] {
    const auto error = [&](MountOp op) {
      op.subject = "volume 'v'";
      const auto done = run_mount_plan(root(), {op});
      return done ? "(no error)" : done.error().to_string();
    };
    EXPECT_EQ(error({.target = "dir", .source = "/no/such"}), "volume 'v': the host has no '/no/such'");
    EXPECT_EQ(error({.target = "dir", .source = path("host/file")}),
              "volume 'v': the source is a file, but 'dir' is a directory");
    ASSERT_TRUE(ok(run_mount_plan(
        root(), {{.target = "dir", .source = path("host"), .attributes = MOUNT_ATTR_RDONLY}})));
    EXPECT_EQ(error({.target = "dir/new", .source = path("host")}),
              "volume 'v': there is nothing at 'dir/new' to mount it on, and what is around is read-only");
    EXPECT_EQ(error({.target = "dir", .source = "/no/such", .missing = MissingSource::kSkip}), "(no error)");
  });
}

}  // namespace
}  // namespace agena::sys
