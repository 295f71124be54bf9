// The pod manifest that comes out of flags and images: whole manifests against golden files, rules one by
// one.
#include "stage0/pod/manifest_builder.h"

#include <gtest/gtest.h>

#include "manifests/codec/pod_manifest.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage0/pod/records.h"

namespace agena::stage0 {
namespace {

using test::ok;
using namespace test_records;

std::string pretty(const Result<schema::PodManifest>& manifest) {
  if (!manifest) return "error: " + manifest.error().to_string();
  return codec::write_pod_manifest(*manifest, codec::TextStyle::kPretty).value();
}

AppRequest app_of(const std::string& image) {
  AppRequest app;
  app.image = image;
  return app;
}

VolumeRequest host_volume(const std::string& name, const std::string& source) {
  VolumeRequest volume;
  volume.name = name;
  volume.source = source;
  return volume;
}

// The first app's exec, or the error.
std::string exec_of(const AppRequest& app, const ImageRecord& image) {
  PrepareRequest request;
  request.apps = {app};
  const auto manifest = build_pod_manifest(request, {&image, 1}, {});
  if (!manifest) return manifest.error().to_string();
  std::string text;
  for (const std::string& word : manifest->apps.front().app->exec) text += "[" + word + "]";
  return text;
}

std::string error_of(const PrepareRequest& request, const std::vector<ImageRecord>& images) {
  const auto manifest = build_pod_manifest(request, images, {});
  return manifest ? "no error" : manifest.error().to_string();
}

TEST(ManifestBuilder, OneImageAsItIs) {
  PrepareRequest request;
  request.apps = {app_of("example.com/web_server")};
  const std::vector images = {simple_aci('a', "example.com/web_server", R"(["/bin/web","-p","80"])")};
  testing::expect_golden("pod/one-image.json", pretty(build_pod_manifest(request, images, {})));
}

TEST(ManifestBuilder, EveryFlag) {
  PrepareRequest request;
  request.mounts = {{"data", "/data"}, {"conf", "/etc/conf"}};
  request.volumes = {host_volume("data", "/srv"), host_volume("conf", ""), host_volume("other", "/opt")};
  request.volumes[0].read_only = true;
  request.volumes[1].kind = VolumeRequest::Kind::kEmpty;
  request.volumes[1].mode = 0700;
  request.volumes[1].uid = 5;
  request.volumes[1].gid = 6;
  request.volumes[2].recursive = false;
  request.ports = {{"http", "127.0.0.1", 8080}, {"https", "", 8443}};
  request.set_env = {{"LEVEL", "set"}, {"SET", "1"}};
  AppRequest app = app_of("example.com/web");
  app.name = "front";
  app.exec = "/bin/sh";
  app.args = {"-c", "true"};
  app.has_args = true;
  app.user = "www";
  app.group = "33";
  app.supplementary_gids = {{10, 20}};
  app.working_dir = "/srv";
  app.readonly_rootfs = true;
  app.environment = {{"LEVEL", "flag"}, {"FLAG", "1"}};
  app.annotations = {{"example.com/team", "blue"}};
  app.user_annotations = {{"note", "any text"}};
  app.user_labels = {{"tier", "front"}};
  app.mounts = {{"other", "/data/"}};
  app.isolators.memory = "64Mi";
  app.isolators.cpu = "500m";
  app.isolators.cpu_shares = "512";
  app.isolators.oom_score_adj = "-10";
  app.isolators.caps_remove = {{"CAP_NET_RAW"}};
  app.isolators.seccomp = "mode=remove,errno=EPERM,reboot,@docker/default-blacklist";
  request.volumes[2].propagation = schema::Propagation::kShared;
  app.file_systems.devices = {{"/dev/null", "/dev/nothing", {.read = true}}};
  app.file_systems.tmpfs = {{.path = "/run", .size = 65536}};
  request.kernel = {.shm_size = 1 << 20, .sysctls = {{{"net.core.somaxconn", "5"}}}};
  request.apps = {app, app_of("example.com/log")};
  const std::vector images = {
      simple_aci('a', "example.com/web", R"(["/bin/web"])",
                 R"(,"ports":[{"name":"http","protocol":"tcp","port":80},)"
                 R"({"name":"https","protocol":"tcp","port":443}],)"
                 R"("environment":[{"name":"LEVEL","value":"image"}],"isolators":[)"
                 R"({"name":"resource/memory","value":{"limit":"1Gi"}},)"
                 R"({"name":"os/linux/cpu-shares","value":100},)"
                 R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_CHOWN"]}}])"),
      simple_aci('b', "example.com/log", R"(["/bin/log"])")};
  testing::expect_golden("pod/every-flag.json", pretty(build_pod_manifest(request, images, {})));
}

TEST(ManifestBuilder, AMutablePodHasNoAppsYet) {
  PrepareRequest request;
  EXPECT_EQ(error_of(request, {}), "pod must contain at least one application");
  request.is_mutable = true;
  request.annotations = {{"example.com/team", "blue"}};
  request.user_annotations = {{"note", "any text"}};
  request.user_labels = {{"tier", "front"}};
  request.ports = {{"http", "127.0.0.1", 8080, "tcp", 80}};
  testing::expect_golden("pod/mutable.json", pretty(build_pod_manifest(request, {}, {})));
}

// Isolators of the first app, or of the pod, as text.
std::string isolators_text(const std::vector<schema::Isolator>& isolators) {
  std::string text;
  for (const schema::Isolator& isolator : isolators) text += isolator.name.str() + " " + isolator.json + "\n";
  return text;
}

TEST(ManifestBuilder, LimitsOfResources) {
  const ImageRecord image =
      simple_aci('a', "example.com/x", R"(["/bin/x"])",
                 R"(,"isolators":[{"name":"agena/rlimits","value":[{"name":"core","soft":0,"hard":0},)"
                 R"({"name":"nofile","soft":1,"hard":1}]},{"name":"agena/pids-limit","value":5}])");
  PrepareRequest request;
  request.apps = {app_of("x")};
  request.apps[0].resources = {.rlimits = {"nofile=10:unlimited", "nproc=3"},
                               .pids_limit = "7",
                               .device_rates = {{DeviceRateFlag::Kind::kReadBps, "/dev/a:1Ki"},
                                                {DeviceRateFlag::Kind::kWriteIops, "/dev/a:9"},
                                                {DeviceRateFlag::Kind::kReadBps, "/dev/b:c:1"}}};
  request.resources = {.memory = "1Gi", .cpu = "2", .pids_limit = "100"};
  const auto manifest = build_pod_manifest(request, {&image, 1}, {});
  ASSERT_TRUE(ok(manifest));
  EXPECT_EQ(isolators_text(manifest->apps[0].app->isolators),
            "agena/rlimits [{\"name\":\"core\",\"soft\":0,\"hard\":0},"
            "{\"name\":\"nofile\",\"soft\":10,\"hard\":\"unlimited\"},"
            "{\"name\":\"nproc\",\"soft\":3,\"hard\":3}]\n"
            "agena/block-io [{\"device\":\"/dev/a\",\"readBps\":1024,\"writeIops\":9},"
            "{\"device\":\"/dev/b:c\",\"readBps\":1}]\n"
            "agena/pids-limit 7\n");
  EXPECT_EQ(isolators_text(manifest->isolators),
            "resource/memory {\"request\":\"1Gi\",\"limit\":\"1Gi\"}\n"
            "resource/cpu {\"request\":\"2\",\"limit\":\"2\"}\nagena/pids-limit 100\n");
}

TEST(ManifestBuilder, ArgumentsFollowAnAcisExec) {
  const ImageRecord image = simple_aci('a', "example.com/x", R"(["/bin/x","-a"])");
  AppRequest app = app_of("x");
  EXPECT_EQ(exec_of(app, image), "[/bin/x][-a]");
  app.has_args = true;
  EXPECT_EQ(exec_of(app, image), "[/bin/x][-a]") << "`--` with nothing behind it adds nothing";
  app.args = {"one", "two"};
  EXPECT_EQ(exec_of(app, image), "[/bin/x][-a][one][two]");
  app.exec = "/bin/sh";
  EXPECT_EQ(exec_of(app, image), "[/bin/sh][one][two]");
  app.args.clear();
  EXPECT_EQ(exec_of(app, image), "[/bin/sh]") << "--exec drops the image's arguments";
}

TEST(ManifestBuilder, ArgumentsReplaceADockerImagesCmd) {
  const ImageRecord both = docker('a', "docker.io/library/x", {"/entry"}, {"cmd", "-v"});
  AppRequest app = app_of("x");
  EXPECT_EQ(exec_of(app, both), "[/entry][cmd][-v]");
  app.has_args = true;
  EXPECT_EQ(exec_of(app, both), "[/entry]") << "`--` with nothing behind it: no cmd at all";
  app.args = {"other"};
  EXPECT_EQ(exec_of(app, both), "[/entry][other]");
  app.exec = "/bin/sh";
  EXPECT_EQ(exec_of(app, both), "[/bin/sh][other]");
  const ImageRecord cmd_only = docker('b', "docker.io/library/y", {}, {"sh"});
  AppRequest echo = app_of("y");
  echo.args = {"echo", "hi"};
  echo.has_args = true;
  EXPECT_EQ(exec_of(echo, cmd_only), "[echo][hi]");
  echo.args.clear();
  EXPECT_EQ(exec_of(echo, cmd_only),
            "image 'y': image \"docker.io/library/y:1.2\" has an empty \"exec\" (try --exec=BINARY)");
}

TEST(ManifestBuilder, ExecMakesAnImageWithoutAppRunnable) {
  ImageRecord image = simple_aci('a', "example.com/base", R"(["/x"])");
  image.manifest.app.reset();
  PrepareRequest request;
  request.apps = {app_of("base")};
  EXPECT_EQ(error_of(request, {image}),
            "image 'base': image \"example.com/base:1.2\" has no app section (try --exec=BINARY)");
  request.apps[0].exec = "/bin/true";
  const auto manifest = build_pod_manifest(request, {&image, 1}, {.environment = {}, .uid = 7, .gid = 8});
  ASSERT_TRUE(ok(manifest));
  EXPECT_EQ(manifest->apps[0].app->user, "7");
  EXPECT_EQ(manifest->apps[0].app->group, "8");
}

TEST(ManifestBuilder, EnvironmentPrecedence) {
  const ImageRecord image = simple_aci(
      'a', "example.com/x", R"(["/x"])",
      R"(,"environment":[{"name":"A","value":"image"},{"name":"B","value":"image"},{"name":"C","value":"image"}])");
  PrepareRequest request;
  request.apps = {app_of("x")};
  request.apps[0].environment = {{"B", "flag"}, {"C", "flag"}, {"E", "flag"}};
  request.set_env = {{"C", "set"}};
  request.inherit_env = true;
  const CallerFacts caller{.environment = {{"A", "host"}, {"D", "host"}, {"E", "host"}}, .uid = 0, .gid = 0};
  const auto manifest = build_pod_manifest(request, {&image, 1}, caller);
  ASSERT_TRUE(ok(manifest));
  std::map<std::string, std::string> environment;
  for (const auto& variable : manifest->apps[0].app->environment)
    EXPECT_TRUE(environment.emplace(variable.name, variable.value).second) << "twice: " << variable.name;
  const std::map<std::string, std::string> expected = {
      {"A", "image"}, {"B", "flag"}, {"C", "set"}, {"D", "host"}, {"E", "flag"}};
  EXPECT_EQ(environment, expected);
}

TEST(ManifestBuilder, NamesComeFromImagesAndAreUnique) {
  const ImageRecord odd = simple_aci('b', "example.com/a_b.c~d", R"(["/x"])");
  PrepareRequest request;
  request.apps = {app_of("x")};
  const auto manifest = build_pod_manifest(request, {&odd, 1}, {});
  ASSERT_TRUE(ok(manifest));
  EXPECT_EQ(manifest->apps[0].name.str(), "a-b-c-d");
  request.apps.push_back(app_of("y"));
  EXPECT_EQ(error_of(request, {odd, odd}), "multiple apps with name a-b-c-d");
  request.apps[1].name = "Bad Name";
  EXPECT_NE(error_of(request, {odd, odd}).find("--name"), std::string::npos);
}

TEST(ManifestBuilder, WhatIsWrongIsSaid) {
  const ImageRecord image = simple_aci('a', "example.com/x", R"(["/x"])");
  PrepareRequest none;
  EXPECT_EQ(error_of(none, {}), "pod must contain at least one application");

  PrepareRequest dangling;
  dangling.apps = {app_of("x")};
  dangling.apps[0].mounts = {{"nothing", "/data"}};
  EXPECT_NE(error_of(dangling, {image}).find("dangling mount point"), std::string::npos);

  PrepareRequest root_mount = dangling;
  root_mount.apps[0].mounts = {{"nothing", "/./"}};
  EXPECT_NE(error_of(root_mount, {image}).find("not an absolute path below the root"), std::string::npos);

  PrepareRequest twice;
  twice.apps = {app_of("x")};
  twice.volumes = {host_volume("v", "/a"), host_volume("v", "/b")};
  EXPECT_EQ(error_of(twice, {image}), "duplicate volume name 'v'");

  ImageRecord no_os = image;
  no_os.manifest.labels.erase("os");
  PrepareRequest plain;
  plain.apps = {app_of("x")};
  EXPECT_NE(error_of(plain, {no_os}).find("missing os label in the image manifest"), std::string::npos);
}

TEST(ManifestBuilder, IsolatorFlagErrorsNameTheFlag) {
  const ImageRecord image = simple_aci('a', "example.com/x", R"(["/x"])");
  const auto error_with = [&](auto change) {
    PrepareRequest request;
    request.apps = {app_of("x")};
    change(request.apps[0].isolators);
    return error_of(request, {image});
  };
  EXPECT_NE(error_with([](IsolatorFlags& f) { f.memory = "4095"; }).find("--memory: '4095' is less than"),
            std::string::npos);
  EXPECT_EQ(error_with([](IsolatorFlags& f) { f.memory = "4096"; }), "no error");
  EXPECT_NE(error_with([](IsolatorFlags& f) { f.memory = "12Q"; }).find("--memory: "), std::string::npos);
  EXPECT_NE(error_with([](IsolatorFlags& f) { f.cpu_shares = "many"; }).find("--cpu-shares: "),
            std::string::npos);
  EXPECT_NE(error_with([](IsolatorFlags& f) { f.oom_score_adj = "1001"; }).find("--oom-score-adj: "),
            std::string::npos);
  EXPECT_NE(error_with([](IsolatorFlags& f) {
              f.caps_retain = {{"CAP_CHOWN"}};
              f.caps_remove = {{"CAP_KILL"}};
            }).find("exclude each other"),
            std::string::npos);
  EXPECT_NE(error_with([](IsolatorFlags& f) { f.seccomp = "read,write"; }).find("--seccomp: the mode is"),
            std::string::npos);
  EXPECT_NE(error_with([](IsolatorFlags& f) {
              f.seccomp = "mode=retain,mode=remove,read";
            }).find("unknown or repeated setting 'mode=remove'"),
            std::string::npos);
}

TEST(ManifestBuilder, GivenManifestsAreChecked) {
  const std::vector images = {simple_aci('a', "example.com/x", R"(["/x"])")};
  const auto check = [&](const std::string& apps) -> std::string {
    const auto manifest =
        codec::parse_pod_manifest(R"({"acKind":"PodManifest","acVersion":"0.8.11","apps":[)" + apps + "]}");
    if (!manifest) return manifest.error().to_string();
    const auto checked =
        check_given_manifest(*manifest, std::span(images).first(manifest->apps.empty() ? 0 : 1));
    return checked ? "fine" : checked.error().to_string();
  };
  const std::string image = R"("image":{"id":")" + id_of('a') + R"("})";
  EXPECT_EQ(check(""), "pod must contain at least one application");
  EXPECT_EQ(check(R"({"name":"x",)" + image + "}"), "fine");
  EXPECT_NE(check(R"({"name":"x",)" + image + R"(,"app":{"exec":[],"user":"0","group":"0"}})").find("empty"),
            std::string::npos);
  EXPECT_NE(check(R"({"name":"x",)" + image + R"(,"mounts":[{"volume":"v","path":"/d"}]})").find("dangling"),
            std::string::npos);
}

}  // namespace
}  // namespace agena::stage0
