#include "stage1/run/pod_users.h"

#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace agena::stage1 {
namespace {

using sys::MountKind;
using sys::MountSource;

TEST(PodUsersPlan, LeavesWhatNeedsNothingOfTheHost) {
  const sys::MountPlan plan = {
      {.kind = MountKind::kFilesystem, .target = "proc", .type = "proc"},
      {.target = "proc", .source = "proc", .from = MountSource::kPod},
      {.target = "data", .source = "sharedVolumes/data"},
      {.kind = MountKind::kSymlink, .target = "dev/fd", .source = "/proc/self/fd"},
      {.kind = MountKind::kDirectory, .target = "tmp", .mode = 01777},
  };
  EXPECT_TRUE(host_part_of_plan(plan).empty());
  EXPECT_EQ(to_string(pod_part_of_plan(plan)), to_string(plan));
}

TEST(PodUsersPlan, NodesAreMadeByTheSupervisor) {
  const sys::MountPlan plan = {
      {.kind = MountKind::kNode, .target = "dev/null", .mode = S_IFCHR | 0666, .device = makedev(1, 3)}};
  EXPECT_EQ(to_string(host_part_of_plan(plan)), "node run/agena/host/node-20666-103 mode=20666 device=1:3\n");
  EXPECT_EQ(to_string(pod_part_of_plan(plan)), "bind dev/null source=pod:run/agena/host/node-20666-103\n");
}

TEST(PodUsersPlan, SourcesOnTheHostAreOpenedByTheSupervisor) {
  const sys::MountPlan plan = {{.target = "etc/resolv.conf",
                                .source = "/etc/resolv.conf",
                                .missing = sys::MissingSource::kSkip,
                                .attributes = MOUNT_ATTR_RDONLY},
                               {.target = "srv", .source = "/srv", .recursive = true, .map_ids = true},
                               {.target = "again", .source = "/srv", .recursive = true, .map_ids = true},
                               {.target = "plain", .source = "/srv", .recursive = true}};
  const sys::MountPlan host = host_part_of_plan(plan);
  const sys::MountPlan pod = pod_part_of_plan(plan);
  ASSERT_EQ(host.size(), 4U);
  for (std::size_t i = 0; i < host.size(); ++i) {
    EXPECT_EQ(host[i].target, pod[i].source) << i;
    EXPECT_EQ(host[i].source, plan[i].source) << i;
    EXPECT_EQ(host[i].map_ids, plan[i].map_ids) << i;
    EXPECT_EQ(host[i].attributes, 0U) << i;
    EXPECT_EQ(pod[i].from, MountSource::kPod) << i;
    EXPECT_FALSE(pod[i].map_ids) << i;
    EXPECT_EQ(pod[i].attributes, plan[i].attributes) << i;
    EXPECT_EQ(pod[i].missing, plan[i].missing) << i;
  }
  EXPECT_EQ(host[1].target, host[2].target) << "the same thing";
  EXPECT_NE(host[1].target, host[3].target) << "other ids";
}

}  // namespace
}  // namespace agena::stage1
