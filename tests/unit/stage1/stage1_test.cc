// The pure parts of the systemd flavour: units, mounts, ends of apps, console lines.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "manifests/codec/pod_manifest.h"
#include "stage1/plan/devices.h"
#include "stage1/plan/launch.h"
#include "stage1/run/app_ends.h"
#include "stage1/run/pod_mounts.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/unit_file.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

// A pod of two apps: one with handlers and volumes, one with docker's rules.
Pod example_pod() {
  const std::string id = "sha512-" + std::string(64, 'a');
  const std::string text = R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[
    {"name":"web","image":{"id":")" +
                           id + R"(","name":"example.com/web"},"app":{"exec":["/bin/web","50%","$HOME"],
      "user":"0","group":"0","eventHandlers":[{"name":"pre-start","exec":["/bin/pre"]},{"name":"post-stop","exec":["/bin/post"]}],
      "mountPoints":[{"name":"data","path":"/srv/data","readOnly":true},{"name":"cache","path":"/var/cache"}]},
     "mounts":[{"volume":"host","path":"/srv"}]},
    {"name":"job","image":{"id":")" +
                           id + R"("},"app":{"exec":["job"],"user":"nobody","group":"",
      "mountPoints":[{"name":"volume-var-lib","path":"/var/lib"}]}}],
    "volumes":[{"name":"host","kind":"host","source":"/media","recursive":false},{"name":"data","kind":"empty"}]})";
  // The document has an empty group, which only docker images may have at run time; the codec sees a valid
  // one.
  std::string valid = text;
  valid.replace(valid.find(R"("group":"")"), 10, R"("group":"0")");
  auto manifest = codec::parse_pod_manifest(valid);
  EXPECT_TRUE(manifest.has_value()) << manifest.error().to_string();
  RunOptions options;
  options.hostname = "pod-host";
  options.dns.resolv_conf = ConfSource::kHost;
  Pod pod{*Uuid::parse("11111111-2222-4333-8444-555555555555"), options, *manifest, {}};
  for (const schema::RuntimeApp& runtime : manifest->apps) pod.apps.push_back({runtime, *runtime.app, false});
  pod.apps.at(1).docker_rules = true;
  return pod;
}

TEST(Units, OfAPod) {
  const Pod pod = example_pod();
  std::string text;
  for (const NamedFile& unit : static_units(pod)) text += "== " + unit.name + "\n" + unit.text;
  for (const PodApp& app : pod.apps) {
    const NamedFile unit = app_unit(app);
    text += "== " + unit.name + "\n" + unit.text;
  }
  testing::expect_golden("stage1/units.txt", text);
}

TEST(Units, OfAMutablePod) {
  Pod pod = example_pod();
  pod.options.is_mutable = true;
  std::string text;
  for (const NamedFile& unit : static_units(pod)) text += "== " + unit.name + "\n" + unit.text;
  const NamedFile unit = app_unit(pod.apps.at(1), {}, true);
  text += "== " + unit.name + "\n" + unit.text;
  testing::expect_golden("stage1/units_of_mutable_pod.txt", text);
}

TEST(Units, QuotedWords) {
  EXPECT_EQ(quote_word("plain"), R"("plain")");
  EXPECT_EQ(quote_word("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quote_word("50% $HOME"), R"("50%% $$HOME")");
  EXPECT_EQ(quote_word("line\nend\t"), R"("line\x0aend\x09")");
  EXPECT_EQ(UnitFile().section("Unit").set("Description", "two\nExecStart=/bad").text(),
            "[Unit]\nDescription=two ExecStart=/bad\n");
}

TEST(Mounts, OfAPod) {
  const Pod pod = example_pod();
  std::string text = "== pod\n" + sys::to_string(proc_mount()) + sys::to_string(pod_mounts(pod));
  for (const PodApp& app : pod.apps) {
    auto user = user_mounts(pod, app);
    ASSERT_TRUE(user.has_value()) << user.error().to_string();
    const test::TempDir root;
    ASSERT_TRUE(test::ok(sys::order_by_place(root.dir(), *user)));
    text += "== " + app.name() + "\n" +
            sys::to_string(app_mounts(pod, app, *user, {"sys/devices/system/cpu/cpu0/thermal_throttle"}));
  }
  testing::expect_golden("stage1/mounts.txt", text);
}

TEST(Mounts, MissingVolumeIsNamed) {
  Pod pod = example_pod();
  pod.manifest.volumes.clear();
  const auto plan = user_mounts(pod, pod.apps.at(0));
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().to_string(), "dangling mount point: no volume 'host' for '/srv'");
}

std::vector<std::string> texts(const Result<std::vector<DeviceRule>>& rules) {
  std::vector<std::string> all;
  EXPECT_TRUE(rules.has_value()) << rules.error().to_string();
  if (rules)
    for (const DeviceRule& rule : *rules) all.push_back(to_string(rule));
  return all;
}

// /dev/null, /dev/zero and /dev/tty stand for devices of a user; they are there wherever tests run.
TEST(Devices, OfVolumes) {
  Pod pod = example_pod();
  const std::vector<std::string> standard = texts(devices_of(pod));
  EXPECT_EQ(standard,
            (std::vector<std::string>{"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
                                      "c 5:0 rwm", "c 10:200 rwm", "c 5:2 rwm", "c 136:* rw"}));
  const auto use = [&](const char* source) -> schema::Volume& {
    schema::Volume& volume = pod.manifest.volumes.at(0);
    volume.source = source;
    return volume;
  };
  // A directory is no device unless it was given as one.
  use("/dev/pts");
  EXPECT_EQ(texts(devices_of(pod)), standard);
  // The standard rule of the same device stays as wide as it is.
  use("/dev/null").read_only = true;
  EXPECT_EQ(texts(devices_of(pod)), standard);
  // Not there: mounting it tells.
  use("/nonexistent").device_access = schema::DeviceAccess{.read = true};
  EXPECT_EQ(texts(devices_of(pod)), standard);
}

TEST(Devices, OfADirectoryAndByApp) {
  const test::TempDir dir;
  ASSERT_EQ(::mkdir((dir.path() + "/sub").c_str(), 0755), 0);
  if (::mknod((dir.path() + "/disk").c_str(), S_IFBLK | 0600, makedev(240, 7)) != 0)
    GTEST_SKIP() << "making device nodes needs root";
  ASSERT_EQ(::mknod((dir.path() + "/sub/card").c_str(), S_IFCHR | 0600, makedev(241, 1)), 0);
  Pod pod = example_pod();
  schema::Volume& volume = pod.manifest.volumes.at(0);
  volume.source = dir.path();
  volume.device_access = schema::DeviceAccess{.read = true, .mknod = true};
  const std::size_t standard = 9;
  auto rules = texts(devices_of(pod, pod.apps.at(0)));
  rules.erase(rules.begin(), rules.begin() + standard);
  EXPECT_EQ(rules, (std::vector<std::string>{"b 240:7 rm", "c 241:1 rm"}));
  EXPECT_EQ(devices_of(pod, pod.apps.at(1))->size(), standard) << "the other app has no such mount";
  EXPECT_EQ(devices_of(pod)->size(), standard + 2);
  volume.device_access.reset();
  volume.source += "/disk";
  EXPECT_EQ(to_string(devices_of(pod)->back()), "b 240:7 rw");
  volume.read_only = true;
  EXPECT_EQ(to_string(devices_of(pod)->back()), "b 240:7 r");
}

TEST(Launch, HandlersRunAsRootInTheAppsRoot) {
  const Pod pod = example_pod();
  const auto plans = plan_launches(pod, pod.apps.at(0));
  ASSERT_TRUE(plans.has_value()) << plans.error().to_string();
  ASSERT_EQ(plans->size(), 3U);
  EXPECT_EQ(plans->at(0).argv, (std::vector<std::string>{"/bin/web", "50%", "$HOME"}));
  EXPECT_EQ(plans->at(1).role, stage2::Role::kPreStart);
  EXPECT_EQ(plans->at(2).role, stage2::Role::kPostStop);
  for (const stage2::LaunchPlan& plan : *plans) {
    EXPECT_EQ(plan.root, "/opt/stage2/web/rootfs");
    EXPECT_EQ(plan.stdio.output, stage2::StreamMode::kHub);
    EXPECT_EQ(plan.bounding_set->names().size(), 14U);
  }
}

TEST(Launch, CapabilityIsolators) {
  schema::App app;
  auto isolators = [](const std::string& list) {
    const std::string text =
        R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[{"name":"a","image":{"id":"sha512-)" +
        std::string(64, 'a') + R"("},"app":{"exec":["x"],"user":"0","group":"0","isolators":[)" + list +
        "]}}]}";
    return codec::parse_pod_manifest(text)->apps.at(0).app->isolators;
  };
  app.isolators = isolators(R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_KILL"]}})");
  EXPECT_EQ(bounding_set(app)->names(), std::vector<std::string>{"CAP_KILL"});
  app.isolators = isolators(R"({"name":"os/linux/capabilities-remove-set","value":{"set":["CAP_KILL"]}})");
  EXPECT_EQ(bounding_set(app)->names().size(), 13U);
  app.isolators = isolators(R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_KILL"]}},)"
                            R"({"name":"os/linux/capabilities-remove-set","value":{"set":["CAP_KILL"]}})");
  EXPECT_FALSE(bounding_set(app).has_value());
}

TEST(Pod, WarnsOfIsolatorsThatAreUnknown) {
  Pod pod = example_pod();
  EXPECT_TRUE(unknown_isolators(pod).empty());
  const std::string text =
      R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[{"name":"a","image":{"id":"sha512-)" +
      std::string(64, 'a') +
      R"("},"app":{"exec":["x"],"user":"0","group":"0","isolators":[)"
      R"({"name":"resource/memory","value":{"limit":"1G"}},{"name":"example.com/colour","value":1},)"
      R"({"name":"os/linux/no-new-privileges","value":true}]}}]})";
  pod.apps.at(0).app = *codec::parse_pod_manifest(text)->apps.at(0).app;
  EXPECT_EQ(unknown_isolators(pod),
            std::vector<std::string>{"isolator example.com/colour of app 'web' is not known to this stage1"});
}

struct EndCase {
  stage2::HubEnded ended;
  int stop_signal;
  int code;
};

TEST(AppEnds, ExitCodes) {
  const EndCase cases[] = {
      {{"a", "success", "exited", "0"}, 0, 0},
      {{"a", "exit-code", "exited", "3"}, 0, 3},
      {{"a", "signal", "killed", "KILL"}, 0, 137},
      {{"a", "core-dump", "dumped", "SEGV"}, 0, 139},
      {{"a", "success", "killed", "TERM"}, SIGTERM, 0},
      {{"a", "success", "killed", "TERM"}, 0, 143},
      {{"a", "signal", "killed", "USR1"}, SIGUSR1, 0},
      {{"a", "signal", "killed", "TERM"}, SIGUSR1, 143},
      {{"a", "timeout", "killed", "KILL"}, SIGTERM, 137},
      {{"a", "exit-code", "", ""}, 0, 1},
      {{"a", "signal", "killed", "RTMIN+1"}, 0, 128 + SIGRTMIN + 1},
  };
  for (const EndCase& c : cases)
    EXPECT_EQ(exit_code_of(c.ended, c.stop_signal), c.code)
        << c.ended.service_result << " " << c.ended.exit_status;
}

TEST(AppEnds, FirstFailureCountsForThePod) {
  AppEnds ends({"a", "b", "c"});
  EXPECT_FALSE(ends.note("a", 0));
  EXPECT_TRUE(ends.note("b", 7));
  EXPECT_FALSE(ends.note("b", 9));
  EXPECT_FALSE(ends.all_ended());
  EXPECT_FALSE(ends.note("c", 8));
  EXPECT_TRUE(ends.all_ended());
  EXPECT_EQ(ends.pod_code(), 7);
  EXPECT_FALSE(ends.knows("d"));
}

}  // namespace
}  // namespace agena::stage1
