// Changes of the manifest of a mutable pod, and what an interrupted change may have left.
#include "stage0/app/manifest_edit.h"

#include <gtest/gtest.h>

#include "manifests/isolators/isolators.h"
#include "stage0/pod/app_builder.h"
#include "tests/support/result_matchers.h"
#include "tests/unit/stage0/pod/records.h"

namespace agena::stage0 {
namespace {

using testing::error_of;
using Names = std::vector<std::string>;

schema::RuntimeApp app_of(const std::string& name, const std::vector<MountRequest>& mounts = {},
                          const std::string& members = "") {
  AppRequest request;
  request.name = name;
  request.mounts = mounts;
  const auto image = test_records::simple_aci('a', "example.com/image", R"(["/bin/x"])", members);
  return build_app(request, image, {}).value();
}

VolumeRequest empty_volume(const std::string& name) {
  VolumeRequest volume;
  volume.name = name;
  volume.kind = VolumeRequest::Kind::kEmpty;
  return volume;
}

schema::PodManifest pod_of(const Names& apps) {
  schema::PodManifest pod;
  for (const std::string& name : apps) pod = with_app(pod, app_of(name)).value();
  return pod;
}

Names names_of(const schema::PodManifest& pod) {
  Names names;
  for (const schema::RuntimeApp& app : pod.apps) names.push_back(app.name.str());
  return names;
}

TEST(ManifestEdit, AppsComeAndGo) {
  const schema::PodManifest pod = pod_of({"a", "b", "c"});
  EXPECT_EQ(names_of(pod), (Names{"a", "b", "c"}));
  EXPECT_EQ(names_of(without_app(pod, "b")), (Names{"a", "c"}));
  const auto twice = with_app(pod, app_of("b"));
  EXPECT_EQ(error_of(twice), "multiple apps with name b");
  EXPECT_EQ(twice.error().kind(), ErrorKind::kAlreadyExists);
}

TEST(ManifestEdit, PortsComeAndGoWithTheirApp) {
  const char* ports = R"(,"ports":[{"name":"http","protocol":"tcp","port":80}])";
  schema::PodManifest pod = pod_of({"a"});
  pod = with_app(pod, app_of("b", {}, ports)).value();
  pod = with_app(pod, app_of("c", {}, ports)).value();
  pod =
      with_ports(pod, "b", std::vector<PortRequest>{{"http", "", 8080}, {"53/udp", "fd00::1", 5353}}).value();
  ASSERT_EQ(pod.ports.size(), 2U);
  EXPECT_EQ(pod.ports[0].app, "b");
  EXPECT_FALSE(pod.ports[0].pod_port);
  EXPECT_EQ(pod.ports[1].pod_port->protocol, "udp");
  const auto more = [&](PortRequest port) { return error_of(with_ports(pod, "c", {{std::move(port)}})); };
  EXPECT_EQ(more({"http", "127.0.0.1", 8080}),
            "--port: port tcp-127.0.0.1:8080 already mapped to pod port 80");
  EXPECT_TRUE(more({"ftp", "", 21}).contains("port name 'ftp' could not be found")) << "not even in b";
  pod = with_ports(pod, "c", std::vector<PortRequest>{{"http", "", 8081}}).value();
  pod = without_app(pod, "b");
  ASSERT_EQ(pod.ports.size(), 1U);
  EXPECT_EQ(pod.ports[0].app, "c");
}

TEST(ManifestEdit, AMountNeedsAVolume) {
  EXPECT_TRUE(error_of(with_app({}, app_of("a", {{"data", "/data"}}))).contains("dangling mount point"));
  schema::PodManifest pod;
  pod.volumes.push_back(make_volume(empty_volume("data")).value());
  EXPECT_TRUE(with_app(pod, app_of("a", {{"data", "/data"}})));
}

TEST(ManifestEdit, VolumesOfAnAppGoToItsMountsAndMountPoints) {
  auto app = app_of(
      "a", {{"data", "/data"}, {"data", "/copy"}, {"pods", "/pods"}},
      R"(,"mountPoints":[{"name":"cache","path":"/cache","readOnly":true},{"name":"data","path":"/data/"}])");
  schema::PodManifest pod;
  pod.volumes.push_back(make_volume(empty_volume("pods")).value());
  Names warnings;
  const std::vector<VolumeRequest> volumes = {empty_volume("data"), empty_volume("cache"),
                                              empty_volume("unused")};
  ASSERT_TRUE(add_app_volumes(volumes, pod, app, warnings));
  ASSERT_EQ(app.mounts.size(), 4U);
  EXPECT_TRUE(app.mounts[0].app_volume && app.mounts[1].app_volume);
  EXPECT_FALSE(app.mounts[2].app_volume);
  EXPECT_EQ(app.mounts[3].path, "/cache");
  EXPECT_EQ(app.mounts[3].app_volume->name, "cache");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings[0].contains("'unused'"));
  EXPECT_TRUE(with_app(pod, app));
}

TEST(ManifestEdit, AVolumeOnceOnly) {
  auto app = app_of("a", {{"data", "/data"}});
  Names warnings;
  const std::vector<VolumeRequest> twice = {empty_volume("data"), empty_volume("data")};
  EXPECT_EQ(error_of(add_app_volumes(twice, {}, app, warnings)), "duplicate volume name 'data'");
  schema::PodManifest pod;
  pod.volumes.push_back(make_volume(empty_volume("data")).value());
  EXPECT_EQ(error_of(add_app_volumes(std::span(twice).first(1), pod, app, warnings)),
            "duplicate volume name 'data'");
}

TEST(ManifestEdit, LimitsAreReplacedAndDoNotPileUp) {
  schema::PodManifest pod = pod_of({"a", "b"});
  for (const char* memory : {"64M", "32M"}) {
    IsolatorFlags flags;
    flags.memory = memory;
    flags.cpu = "500m";
    ResourceFlags resources;
    resources.pids_limit = "20";
    pod = with_limits(pod, "b", flags, resources).value();
  }
  EXPECT_TRUE(pod.apps[0].app->isolators.empty());
  const auto& isolators = pod.apps[1].app->isolators;
  EXPECT_EQ(isolators.size(), 3U);
  EXPECT_EQ(std::ranges::count(isolators, schema::IsolatorKind::kMemory, &schema::Isolator::kind), 1);
}

TEST(ManifestEdit, NothingButLimits) {
  const schema::PodManifest pod = pod_of({"a"});
  IsolatorFlags flags;
  EXPECT_EQ(error_of(with_limits(pod, "a", flags, {})), "no limit is to be changed");
  flags.seccomp = "mode=retain,@default";
  EXPECT_TRUE(error_of(with_limits(pod, "a", flags, {})).starts_with("only limits"));
  ResourceFlags resources;
  resources.rlimits = {"nofile=1"};
  EXPECT_TRUE(error_of(with_limits(pod, "a", {}, resources)).starts_with("only limits"));
}

TEST(Leftovers, AppsThatTheManifestDoesNotHave) {
  const schema::PodManifest pod = pod_of({"a", "stage1"});
  const Names infos = {"a", "b", "stage1"};
  const Names overlays = {"app-a", "app-c", "app-stage1", "empty", "stage1"};
  EXPECT_EQ(leftover_apps(pod, infos, overlays), (Names{"b", "c"}));
  EXPECT_TRUE(leftover_apps(pod, {}, {}).empty());
}

TEST(Leftovers, VolumesThatNoAppHas) {
  schema::PodManifest pod = pod_of({"a"});
  pod.volumes.push_back(make_volume(empty_volume("pods")).value());
  auto app = app_of("b", {{"own", "/own"}});
  Names warnings;
  ASSERT_TRUE(add_app_volumes(std::vector{empty_volume("own")}, pod, app, warnings));
  pod = with_app(pod, app).value();
  const Names volumes = {"a-implicit", "c-implicit", "other", "own", "pods"};
  EXPECT_EQ(leftover_volumes(pod, volumes), (Names{"c-implicit", "other"}));
}

}  // namespace
}  // namespace agena::stage0
