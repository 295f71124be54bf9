// Limits as numbers, as files of either cgroup version, and as directives.
#include "stage1/plan/resources.h"

#include <gtest/gtest.h>

#include "manifests/isolators/isolators.h"
#include "stage1/run/limit_files.h"
#include "stage1/run/oom_counter.h"
#include "stage1/units/pod_units.h"
#include "tests/support/result_matchers.h"

namespace agena::stage1 {
namespace {

using schema::IsolatorKind;

schema::Isolator isolator(std::string_view name, std::string_view value) {
  return *isolators::parse_isolator(fmt::format(R"({{"name":"{}","value":{}}})", name, value));
}

Pod pod_of(std::vector<schema::Isolator> of_app, std::vector<schema::Isolator> of_pod = {}) {
  schema::PodManifest manifest;
  manifest.isolators = std::move(of_pod);
  schema::App app;
  app.isolators = std::move(of_app);
  schema::RuntimeApp runtime{.name = *schema::AcName::parse("web"),
                             .image = {.id = *schema::ImageId::parse("sha512-" + std::string(64, 'a'))}};
  Pod pod{*Uuid::parse("11111111-2222-4333-8444-555555555555"), {}, std::move(manifest), {}};
  pod.apps.push_back({std::move(runtime), std::move(app), false});
  return pod;
}

std::string shown(const std::vector<LimitFile>& files) {
  std::string text;
  for (const LimitFile& file : files) text += file.name + "=" + file.text + ";";
  return text;
}

std::string all_v1(const CgroupLimits& limits) {
  std::string text;
  for (const ControllerRow& row : kControllers) text += shown(v1_files(row.value, limits));
  return text;
}

std::string all_v2(const CgroupLimits& limits) {
  std::string text;
  for (const ControllerRow& row : kControllers) text += shown(v2_files(row.value, limits));
  return text;
}

TEST(Resources, NothingIsAskedForByDefault) {
  const PodLimits limits = ASSERT_VALUE(limits_of(pod_of({isolator("os/linux/no-new-privileges", "true")})));
  EXPECT_TRUE(limits.apps.empty());
  for (const ControllerRow& row : kControllers) EXPECT_FALSE(limits.uses(row.value));
}

TEST(Resources, IsolatorsOfAnApp) {
  PodLimits limits = ASSERT_VALUE(limits_of(pod_of(
      {isolator("resource/memory", R"({"limit":"1Gi"})"), isolator("resource/memory", R"({"limit":"1500m"})"),
       isolator("resource/cpu", R"({"request":"4","limit":"250m"})"), isolator("os/linux/cpu-shares", "512"),
       isolator("agena/pids-limit", "9")})));
  CgroupLimits& web = limits.apps.at("web");
  EXPECT_EQ(
      all_v1(web),
      "cpu.cfs_period_us=100000;cpu.cfs_quota_us=25000;cpu.shares=512;memory.limit_in_bytes=2;pids.max=9;")
      << "the last isolator counts, and half a byte is rounded up";
  EXPECT_EQ(all_v2(web), "cpu.max=25000 100000;cpu.weight=50;memory.max=2;pids.max=9;");
  EXPECT_FALSE(limits.pod.uses(Controller::kMemory));
  EXPECT_TRUE(limits.uses(Controller::kMemory));
  EXPECT_FALSE(limits.uses(Controller::kIo));
  limits.drop(Controller::kCpu);
  limits.drop(Controller::kMemory);
  EXPECT_EQ(all_v2(web), "pids.max=9;");
}

TEST(Resources, Disks) {
  CgroupLimits limits;
  limits.disks = {{.major = 8, .minor = 0, .read_bps = 1, .write_iops = 4},
                  {.major = 7, .minor = 3, .write_bps = 2}};
  EXPECT_EQ(all_v1(limits),
            "blkio.throttle.read_bps_device=8:0 1;blkio.throttle.write_iops_device=8:0 4;"
            "blkio.throttle.write_bps_device=7:3 2;");
  EXPECT_EQ(all_v2(limits), "io.max=8:0 rbps=1 wiops=4;io.max=7:3 wbps=2;");
  EXPECT_EQ(agena::testing::error_of(
                limits_of(pod_of({isolator("agena/block-io", R"([{"device":"/dev/null"}])")}))),
            "limits of app 'web': '/dev/null' is no block device");
}

TEST(Resources, APodsQuotaCoversThoseOfItsApps) {
  const auto limits = ASSERT_VALUE(limits_of(pod_of(
      {isolator("resource/cpu", R"({"limit":"2"})")},
      {isolator("resource/cpu", R"({"limit":"1"})"), isolator("resource/memory", R"({"limit":"64Mi"})")})));
  EXPECT_EQ(all_v1(limits.pod),
            "cpu.cfs_period_us=100000;cpu.cfs_quota_us=100000;memory.limit_in_bytes=67108864;");
  EXPECT_EQ(all_v1(limits.apps.at("web")), "");
  EXPECT_TRUE(limits.apps.at("web").uses(Controller::kMemory)) << "kills are counted by app";
}

TEST(Resources, SharesAndWeightsKeepTheirProportion) {
  EXPECT_EQ(weight_of_shares(1024), 100);
  EXPECT_EQ(weight_of_shares(2048), 200);
  EXPECT_EQ(weight_of_shares(2), 1);
  EXPECT_EQ(weight_of_shares(262144), 10000);
}

TEST(Resources, DirectivesOfAUnit) {
  const Pod pod = pod_of({});
  EXPECT_FALSE(app_unit(pod.apps.at(0)).text.contains("OOMPolicy"));
  CgroupLimits limits{
      .memory = 1000, .cpu_millis = 1255, .cpu_shares = 1024, .pids = 5, .disks = {}, .count_memory = true};
  limits.disks = {{.major = 8, .minor = 16, .read_bps = 1, .write_iops = 2}};
  const std::string text = app_unit(pod.apps.at(0), limits).text;
  EXPECT_TRUE(text.contains(
      "MemoryMax=1000\nMemoryAccounting=yes\nOOMPolicy=continue\nCPUQuota=125.5%\nCPUWeight=100\n"
      "TasksMax=5\nIOReadBandwidthMax=/dev/block/8:16 1\nIOWriteIOPSMax=/dev/block/8:16 2\n"))
      << text;
}

TEST(Resources, WhatNothingEnforcesIsTold) {
  EXPECT_EQ(ASSERT_VALUE(limit_problems(
                pod_of({isolator("resource/network-bandwidth", R"({"default":true,"limit":"1"})")},
                       {isolator("os/linux/oom-score-adj", "1")}))),
            (std::vector<std::string>{
                "isolator os/linux/oom-score-adj of the pod cannot be enforced: it is for apps",
                "isolator resource/network-bandwidth of app 'web' cannot be enforced: apps of a pod share "
                "its networks; it can be the pod's"}));
}

TEST(OomCounter, KnowsANewCounterByItsCgroup) {
  OomCounter counter;
  EXPECT_EQ(counter.more({}), 0U);  // the app ended before it had a cgroup
  EXPECT_EQ(counter.more({.cgroup = 7, .kills = 1}), 1U);
  EXPECT_EQ(counter.more({.cgroup = 7, .kills = 1}), 0U);
  EXPECT_EQ(counter.more({.cgroup = 7, .kills = 3}), 2U);
  // The app was started again in a cgroup of its own, and lost as many processes as before.
  EXPECT_EQ(counter.more({.cgroup = 8, .kills = 3}), 3U);
  EXPECT_EQ(counter.total(), 6U);
  counter.renew();
  EXPECT_EQ(counter.more({.cgroup = 9, .kills = 1}), 1U);
  EXPECT_EQ(counter.total(), 1U);
}

}  // namespace
}  // namespace agena::stage1
