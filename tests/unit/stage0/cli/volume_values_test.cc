// Values of --tmpfs, --device, --shm-size and --sysctl.
#include "stage0/cli/volume_values.h"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

TEST(VolumeValues, Sizes) {
  struct Case {
    const char* text;
    std::uint64_t bytes;
  };
  const Case cases[] = {{"0", 0},          {"4096", 4096},   {"64k", 65536},     {"1KiB", 1024},
                        {"64m", 67108864}, {"2MB", 2097152}, {"1g", 1073741824}, {"7b", 7}};
  for (const Case& one : cases) EXPECT_EQ(ASSERT_VALUE(parse_size(one.text)), one.bytes) << one.text;
  for (const char* wrong : {"", "m", "-1", "1.5g", "1t", "1kk", "99999999999999999999", "9999999999g", "1 m"})
    EXPECT_FALSE(parse_size(wrong)) << wrong;
}

TEST(VolumeValues, Tmpfs) {
  EXPECT_EQ(ASSERT_VALUE(parse_tmpfs("/run")), schema::TmpfsMount{.path = "/run"});
  EXPECT_EQ(ASSERT_VALUE(parse_tmpfs("/x:rw,size=64k,mode=0700,uid=5,gid=6,exec,suid,nodev")),
            (schema::TmpfsMount{
                .path = "/x", .size = 65536, .mode = 0700, .uid = 5, .gid = 6, .exec = true, .suid = true}));
  EXPECT_EQ(error_of(parse_tmpfs("run")), "'run' is not an absolute path below the root");
  EXPECT_EQ(error_of(parse_tmpfs("/")), "'/' is not an absolute path below the root");
  EXPECT_EQ(error_of(parse_tmpfs("/x:ro")),
            "unknown option 'ro' (size=, mode=, uid=, gid=, exec, noexec, suid, nosuid)");
  EXPECT_EQ(error_of(parse_tmpfs("/x:mode=8")), "'8' is not an octal mode");
  EXPECT_FALSE(parse_tmpfs("/x:"));
}

TEST(VolumeValues, Devices) {
  const schema::DeviceAccess all{.read = true, .write = true, .mknod = true};
  EXPECT_EQ(ASSERT_VALUE(parse_device("/dev/fuse")), (DeviceRequest{"/dev/fuse", "/dev/fuse", all}));
  EXPECT_EQ(ASSERT_VALUE(parse_device("/dev/a:/dev/b")), (DeviceRequest{"/dev/a", "/dev/b", all}));
  EXPECT_EQ(ASSERT_VALUE(parse_device("/dev/a:wr")),
            (DeviceRequest{"/dev/a", "/dev/a", {.read = true, .write = true}}));
  EXPECT_EQ(ASSERT_VALUE(parse_device("/dev/a:/b:m")), (DeviceRequest{"/dev/a", "/b", {.mknod = true}}));
  EXPECT_EQ(error_of(parse_device("/dev/a:/b:rwx")), "expected some of the letters r, w and m, found 'rwx'");
  EXPECT_EQ(error_of(parse_device("/dev/a:r:w")), "expected HOSTPATH[:PATH[:rwm]], found '/dev/a:r:w'");
  EXPECT_EQ(error_of(parse_device("dev/a")), "'dev/a' is not an absolute path below the root");
  for (const char* wrong : {"", "/dev/a:", "/dev/a:/b:", "/dev/a:/b:r:w", "/dev/a:b"})
    EXPECT_FALSE(parse_device(wrong)) << wrong;
}

TEST(VolumeValues, Sysctls) {
  schema::Sysctls sysctls;
  EXPECT_EQ(error_of(add_sysctl(sysctls, "net.core.somaxconn=5")), "(no error)");
  EXPECT_EQ(error_of(add_sysctl(sysctls, "kernel/sem=1 2 3 4")), "(no error)");
  EXPECT_EQ(sysctls.values.at("kernel/sem"), "1 2 3 4");
  EXPECT_EQ(error_of(add_sysctl(sysctls, "net.core.somaxconn=6")), "'net.core.somaxconn' is already set");
  EXPECT_EQ(error_of(add_sysctl(sysctls, "net.core.somaxconn")),
            "expected NAME=VALUE, found 'net.core.somaxconn'");
  for (const char* wrong :
       {"vm.swappiness=1", "kernel.panic=1", "net=1", "net..a=1", "net/../vm/a=1", "=1", "a="})
    EXPECT_FALSE(add_sysctl(sysctls, wrong)) << wrong;
}

TEST(VolumeValues, MountedVolumes) {
  const auto whole = parse_mounted_volume("name=data,kind=host,source=/srv,target=/data,readOnly=true");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->volume.name, "data");
  EXPECT_EQ(whole->volume.source, "/srv");
  EXPECT_EQ(whole->volume.read_only, true);
  EXPECT_EQ(whole->mount, (MountRequest{"data", "/data"}));
  const auto unnamed = parse_mounted_volume("kind=empty,target=/var/lib/x");
  ASSERT_TRUE(unnamed);
  EXPECT_EQ(unnamed->volume.name, "mnt-var-lib-x");
  EXPECT_EQ(unnamed->mount, (MountRequest{"mnt-var-lib-x", "/var/lib/x"}));
  for (const char* wrong :
       {"", "name=data", "name=data,target=/data", "name=a,kind=host,target=/x", "target=x,kind=empty"})
    EXPECT_FALSE(parse_mounted_volume(wrong)) << wrong;
}

}  // namespace
}  // namespace agena::stage0
