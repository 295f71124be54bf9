// The tables of phases and states, and paths in the pod directory.
#include "common/contract/pod_phase.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"

namespace agena::contract {
namespace {

TEST(PodPhase, TablesAreInTheOrderOfTheirEnums) {
  int next = 0;
  std::set<std::string_view> directories;
  for (const PhaseRow& row : kPhases) {
    EXPECT_EQ(static_cast<int>(row.value), next++) << row.directory;
    EXPECT_EQ(name_of(row.value), row.directory);
    EXPECT_TRUE(directories.insert(row.directory).second) << row.directory;
  }
  next = 0;
  std::set<std::string_view> names;
  for (const StateRow& row : kStateNames) {
    EXPECT_EQ(static_cast<int>(row.value), next++) << row.name;
    EXPECT_EQ(name_of(row.value), row.name);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
}

TEST(PodPhase, EveryStateComesFromOnePlace) {
  std::set<PodState> reachable;
  for (const PhaseRow& row : kPhases) {
    EXPECT_TRUE(reachable.insert(row.unlocked).second) << row.directory;
    if (row.locked == row.unlocked) continue;
    EXPECT_TRUE(reachable.insert(row.locked).second) << row.directory;
  }
  EXPECT_EQ(reachable.size(), kStateNames.size());
}

TEST(PodPhase, TheLockTellsTheLivingFromTheDead) {
  EXPECT_EQ(state_of(PodDirectory::kPrepare, true), PodState::kPreparing);
  EXPECT_EQ(state_of(PodDirectory::kPrepare, false), PodState::kAbortedPrepare);
  EXPECT_EQ(state_of(PodDirectory::kPrepared, true), PodState::kPrepared);
  EXPECT_EQ(state_of(PodDirectory::kPrepared, false), PodState::kPrepared);
  EXPECT_EQ(state_of(PodDirectory::kRun, true), PodState::kRunning);
  EXPECT_EQ(state_of(PodDirectory::kRun, false), PodState::kExited);
  EXPECT_EQ(state_of(PodDirectory::kGarbage, true), PodState::kDeleting);
}

TEST(PodPhase, NamesAreRkts) {
  EXPECT_EQ(name_of(PodState::kAbortedPrepare), "aborted prepare");
  EXPECT_EQ(name_of(PodState::kExitedGarbage), "exited garbage");
  EXPECT_EQ(name_of(PodState::kExitedDeleting), "exited deleting");
  EXPECT_EQ(name_of(PodDirectory::kExitedGarbage), "exited-garbage");
}

TEST(PodPaths, OfAnApp) {
  EXPECT_EQ(pod_paths::app_image_manifest("web"), "appsinfo/web/manifest");
  EXPECT_EQ(pod_paths::app_tree_id("web"), "appsinfo/web/treeStoreID");
  EXPECT_EQ(pod_paths::app_root("web"), "stage1/rootfs/opt/stage2/web/rootfs");
  EXPECT_EQ(pod_paths::app_status("web"), "rkt/status/web");
  EXPECT_EQ(pod_paths::app_env("web"), "rkt/env/web");
}

TEST(PodPaths, AnAppMayBeCalledStage1) {
  EXPECT_NE(pod_paths::app_upper("stage1"), pod_paths::kStage1Upper);
  EXPECT_NE(pod_paths::app_work("stage1"), pod_paths::kStage1Work);
}

TEST(ExitCodes, SignalsCountFrom128) {
  EXPECT_EQ(exit_code_of_signal(9), 137);
  EXPECT_EQ(exit_code_of_signal(15), 143);
}

}  // namespace
}  // namespace agena::contract
