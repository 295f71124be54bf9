#include "stage1-fly/run/fly_pod.h"

#include <gtest/gtest.h>

#include "common/stage2/volumes.h"
#include "common/sys/fs.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace agena::fly {
namespace {

using agena::test::ok;

constexpr const char* kUuid = "6a3c1f54-4e1c-4c7a-9a53-0123456789ab";

// A pod directory with images' manifests and a pod manifest.
class FlyPodTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    if (path.find('/') != std::string::npos) {
      ASSERT_TRUE(ok(sys::make_dirs(dir_.dir(), path.substr(0, path.rfind('/')))));
    }
    ASSERT_TRUE(ok(sys::write_file(dir_.dir(), path, text)));
  }

  // `app` is the inside of the image's app section behind exec, user and group; `annotations` of the image.
  void write_image(const std::string& name, const std::string& app, const std::string& annotations = "") {
    write(
        "appsinfo/" + name + "/manifest",
        R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/)" + name +
            R"(","labels":[{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],"annotations":[)" +
            annotations + R"(],"app":{"exec":["/bin/)" + name + R"("],"user":"0","group":"0")" + app + "}}");
  }

  static std::string runtime_app(const std::string& name, const std::string& more = "") {
    return R"({"name":")" + name + R"(","image":{"id":"sha512-)" + std::string(64, 'a') + "\"}" + more + "}";
  }

  void write_pod(const std::string& apps, const std::string& volumes) {
    write("pod", R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[)" + apps + R"(],"volumes":[)" +
                     volumes + R"(],"isolators":[],"annotations":[],"ports":[]})");
  }

  Result<FlyPod> load(contract::EntrypointCall call = {}) {
    call.operands = {kUuid};
    return load_fly_pod(dir_.dir(), call);
  }

  test::TempDir dir_;
};

TEST_F(FlyPodTest, MountsAreAsInTheGoldenFile) {
  write_image("web", R"(,"mountPoints":[{"name":"data","path":"/var//data/","readOnly":true},
                                         {"name":"deep","path":"/var/data/deep"}])");
  write_pod(runtime_app("web", R"(,"mounts":[{"volume":"conf","path":"/etc/web"}])"),
            R"({"name":"data","kind":"host","source":"/srv/data"},
               {"name":"deep","kind":"host","source":"/srv/deep","recursive":true,"readOnly":true},
               {"name":"conf","kind":"host","source":"/srv/conf","readOnly":false})");
  contract::EntrypointCall call;
  call.options["dns-conf-mode"] = "resolv=host,hosts=stage0";
  const auto pod = load(call);
  ASSERT_TRUE(ok(pod));
  testing::expect_golden("fly/mounts.txt",
                         sys::to_string(fly_mounts(*pod)) + sys::to_string(fly_user_mounts(*pod)));
}

TEST_F(FlyPodTest, DefaultConfFilesAreNotMounted) {
  write_image("web", "");
  write_pod(runtime_app("web"), "");
  const auto pod = load();
  ASSERT_TRUE(ok(pod));
  EXPECT_EQ(sys::to_string(fly_mounts(*pod)).find("/etc"), std::string::npos);
  EXPECT_EQ(pod->dns, stage2::DnsMode{});
}

TEST_F(FlyPodTest, ExactlyOneApp) {
  write_image("a", "");
  write_image("b", "");
  write_pod(runtime_app("a") + "," + runtime_app("b"), "");
  EXPECT_EQ(load().error().to_string(), "stage1-fly runs exactly one app, this pod has 2");
}

TEST_F(FlyPodTest, EmptyVolumes) {
  write_image("web", R"(,"mountPoints":[{"name":"data","path":"/data"},{"name":"own","path":"/own"}],)"
                     R"("isolators":[{"name":"agena/tmpfs","value":[{"path":"/scratch/","size":8192}]}])");
  write_pod(runtime_app("web"), R"({"name":"own","kind":"empty"})");
  const auto pod = load();
  ASSERT_TRUE(ok(pod));
  EXPECT_EQ(sys::to_string(fly_user_mounts(*pod)),
            "bind /data source=sharedVolumes/web-data attributes=0x4\n"
            "bind /own source=sharedVolumes/own attributes=0x4\n"
            "mount /scratch type=tmpfs mode=1777 uid=0 gid=0 size=8192 attributes=0xe\n");
  EXPECT_EQ(stage2::implicit_volume_warnings(pod->mounts),
            std::vector<std::string>{"no volume is given for the mount point '/data': it gets an empty one, "
                                     "'web-data', which goes with the pod"});
}

TEST_F(FlyPodTest, ADockerImagesVolumesBeginWithItsContent) {
  write_image("web", R"(,"mountPoints":[{"name":"data","path":"/data"}])",
              R"({"name":"appc.io/docker/imageid","value":"0123"})");
  write_pod(runtime_app("web"), "");
  const auto pod = load();
  ASSERT_TRUE(ok(pod));
  EXPECT_TRUE(pod->app.docker_rules);
  ASSERT_EQ(pod->mounts.size(), 1U);
  EXPECT_TRUE(pod->mounts[0].with_content);
  EXPECT_TRUE(stage2::implicit_volume_warnings(pod->mounts).empty());
}

TEST_F(FlyPodTest, KernelSettingsAreTheHosts) {
  write_image("web", "");
  write("pod", R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[)" + runtime_app("web") +
                   R"(],"isolators":[{"name":"agena/sysctls","value":{"net.core.somaxconn":"5"}}]})");
  EXPECT_EQ(load().error().to_string(),
            "stage1-fly has the host's kernel settings and shared memory: isolator agena/sysctls is not "
            "supported");
}

TEST_F(FlyPodTest, ThePodManifestsAppCountsBeforeTheImages) {
  write_image("web", "");
  write_pod(runtime_app("web", R"(,"app":{"exec":["/other"],"user":"5","group":"6"})"), "");
  const auto pod = load();
  ASSERT_TRUE(ok(pod));
  EXPECT_EQ(pod->app.app.exec, (std::vector<std::string>{"/other"}));
}

TEST_F(FlyPodTest, BrokenPodDirectories) {
  EXPECT_EQ(load().error().kind(), ErrorKind::kNotFound);
  write_pod(runtime_app("web"), "");
  EXPECT_EQ(load().error().to_string(), "opening 'appsinfo/web/manifest': no such file or directory");
  contract::EntrypointCall call;
  call.options["dns-conf-mode"] = "resolv=no";
  EXPECT_EQ(load(call).error().to_string(), "--dns-conf-mode: cannot understand 'resolv=no'");
}

TEST(FlyOptions, WhatWouldBreakAPromiseIsRefused) {
  const auto check = [](const char* name, const char* value) {
    contract::EntrypointCall call;
    call.options[name] = value;
    return check_run_options(call);
  };
  EXPECT_EQ(check("private-users", "65536:65536").error().to_string(),
            "--private-users is not supported by stage1-fly");
  EXPECT_EQ(check("mutable", "true").error().to_string(), "--mutable is not supported by stage1-fly");
  for (const auto& [name, value] :
       {std::pair("mutable", "false"), std::pair("net", "host"), std::pair("net", "none"),
        std::pair("hostname", "x"), std::pair("disable-seccomp", "true")})
    EXPECT_TRUE(ok(check(name, value))) << name;
}

}  // namespace
}  // namespace agena::fly
