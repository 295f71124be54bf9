// The tables of the documentation say what the code says.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/contract/entrypoints.h"
#include "common/contract/env.h"
#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"
#include "common/contract/pod_phase.h"
#include "common/stage2/steps.h"
#include "tests/support/markdown_table.h"

namespace agena::contract {
namespace {

using agena::testing::MarkdownRow;
using agena::testing::read_markdown_table;
using agena::testing::unquoted;

constexpr const char* kContractPage = "docs/stage1-contract.md";
constexpr const char* kLifecyclePage = "docs/pod-lifecycle.md";
constexpr const char* kDiskPage = "docs/on-disk-format.md";

std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

TEST(ContractPage, Entrypoints) {
  std::vector<MarkdownRow> expected;
  for (const EntrypointRow& row : entrypoint_table())
    expected.push_back({code(row.name), code(row.annotation), std::to_string(row.since),
                        row.required ? "yes" : "no", row.operands.empty() ? "none" : code(row.operands)});
  EXPECT_EQ(read_markdown_table(kContractPage, {"Entrypoint", "Annotation", "Since", "Required", "Operands"}),
            expected);
}

// How the page writes an option: the name of a value is the page's own.
std::string shown_option(const EntrypointOption& option, std::string_view cell) {
  const std::string name = "--" + std::string(option.name);
  if (option.arity == OptionArity::kFlag) return name;
  if (option.arity == OptionArity::kBool) return name + "=BOOL";
  const bool has_value_name = cell.size() > name.size() + 1 && cell.starts_with(name + "=");
  return has_value_name && cell != name + "=BOOL" ? std::string(cell) : name + "=VALUE";
}

// What happens to an option when the stage1 is older than it.
std::string fate(const EntrypointRow& entrypoint, const EntrypointOption& option) {
  if (option.since <= entrypoint.since) return "never";
  return option.warn_if_dropped ? "with a warning" : "silently";
}

TEST(ContractPage, Options) {
  const auto rows = read_markdown_table(kContractPage, {"Entrypoint", "Option", "Since", "Dropped"});
  std::size_t next = 0;
  for (const EntrypointRow& entrypoint : entrypoint_table())
    for (const EntrypointOption& option : entrypoint.options) {
      ASSERT_LT(next, rows.size()) << "the page lacks --" << option.name << " of " << entrypoint.name;
      const MarkdownRow& row = rows[next++];
      const MarkdownRow expected = {code(entrypoint.name), code(shown_option(option, unquoted(row[1]))),
                                    std::to_string(option.since), fate(entrypoint, option)};
      EXPECT_EQ(row, expected);
    }
  EXPECT_EQ(next, rows.size()) << "the page has options that the code does not have";
}

TEST(ContractPage, Environment) {
  std::vector<std::string> names;
  for (const MarkdownRow& row : read_markdown_table(kContractPage, {"Variable", "Set for", "Meaning"}))
    names.push_back(unquoted(row[0]));
  const std::vector<std::string> expected = {
      env::kLockFd,       env::kSelinuxContext, env::kSelinuxMountContext,
      env::kEnterCommand, env::kEnterPid,       env::kEnterApp,
      env::kMdsToken,     env::kStartNs};
  EXPECT_EQ(names, expected);
}

TEST(ContractPage, ExitCodes) {
  std::vector<std::string> codes;
  for (const MarkdownRow& row : read_markdown_table(kContractPage, {"Code", "Meaning"}))
    codes.push_back(row[0]);
  const std::vector<std::string> expected = {std::to_string(kExitSuccess), std::to_string(kExitUuidFile),
                                             std::to_string(kExitNoCommand), std::to_string(kExitTimeout),
                                             std::to_string(kExitFailure)};
  EXPECT_EQ(codes, expected);
}

TEST(ContractPage, StepsOfStage2) {
  std::vector<MarkdownRow> expected;
  for (const stage2::LaunchStep& step : stage2::launch_steps())
    expected.push_back({std::string(step.name), step.exit_code == 0
                                                    ? "127 if there is none, 126 if it cannot be executed"
                                                    : std::to_string(step.exit_code)});
  EXPECT_EQ(read_markdown_table(kContractPage, {"Step", "Code"}), expected);
}

TEST(LifecyclePage, States) {
  std::set<MarkdownRow> expected;
  for (const PhaseRow& row : kPhases) {
    if (row.locked == row.unlocked) {
      expected.insert({code(name_of(row.locked)), code(row.directory), "does not matter"});
      continue;
    }
    expected.insert({code(name_of(row.locked)), code(row.directory), "held"});
    expected.insert({code(name_of(row.unlocked)), code(row.directory), "free"});
  }
  std::set<MarkdownRow> shown;
  for (const MarkdownRow& row :
       read_markdown_table(kLifecyclePage, {"State", "Directory", "Lock", "Meaning"}))
    shown.insert({row[0], row[1], row[2]});
  EXPECT_EQ(shown, expected);
}

TEST(DiskPage, PodDirectory) {
  namespace paths = pod_paths;
  std::set<std::string> shown;
  for (const MarkdownRow& row : read_markdown_table(kDiskPage, {"Path in the pod directory", "Content"}))
    shown.insert(unquoted(row[0]));
  const std::string root = std::string(paths::kStage1Root) + "/";
  const std::set<std::string> expected = {
      paths::kManifest,
      paths::kManifestLock,
      paths::kCreated,
      paths::kLayers,
      paths::kStage1TreeId,
      paths::kOverlayPrepared,
      paths::kPrivateUsers,
      paths::app_image_manifest("APP"),
      paths::app_layers("APP"),
      paths::app_tree_id("APP"),
      paths::kStage1Upper,
      paths::kStage1Work,
      paths::app_upper("APP"),
      paths::app_work("APP"),
      paths::kStage1Manifest,
      paths::kStage1Layers,
      root,
      paths::app_root("APP") + "/",
      root + paths::app_status("APP"),
      root + paths::app_oom_kills("APP"),
      root + paths::app_life("APP"),
      root + paths::app_env("APP"),
      root + paths::kSupervisorStatus,
      root + paths::kResolvConf,
      root + paths::kHosts,
      root + paths::kHostsFallback,
      root + paths::kHostname,
      root + paths::kMachineId,
      paths::app_log("APP"),
      std::string(paths::kSharedMounts) + "/VOL",
      paths::app_log("APP", 1),
      paths::kAttach,
      paths::kControl,
      paths::kPodName,
      paths::kLaunchFlags,
      paths::kNextManifest,
      paths::kPreviousManifest,
      std::string(paths::kSharedVolumes) + "/VOL/",
      paths::kNetInfo,
      paths::kMdsRegistered,
      std::string(paths::kNetRecords) + "/NN-NAME.json",
      paths::kSubcgroup,
      paths::kPpid,
      paths::kPid,
      paths::kMachine,
      paths::kSelinux,
      paths::kPgid,
      paths::kFlavor,
  };
  EXPECT_EQ(shown, expected);
}

}  // namespace
}  // namespace agena::contract
