// Limits that a program takes along, by what a process may do.
#include "common/stage2/process_limits.h"

#include <gtest/gtest.h>

#include "manifests/isolators/isolators.h"
#include "tests/support/result_matchers.h"

namespace agena::stage2 {
namespace {

using schema::Rlimit;

schema::App app_with(const std::vector<Rlimit>& limits, std::optional<std::int64_t> score = {}) {
  schema::App app;
  app.isolators.push_back(*isolators::make_isolator(schema::IsolatorKind::kRlimits, schema::Rlimits{limits}));
  if (score)
    app.isolators.push_back(
        *isolators::make_isolator(schema::IsolatorKind::kOomScoreAdj, schema::OomScoreAdj{*score}));
  return app;
}

LimitRights rights_of(bool privileged) {
  LimitRights rights{.privileged = privileged, .hard = {}, .oom_score_adjust = 100};
  rights.hard.fill(1000);
  return rights;
}

TEST(ProcessLimits, WithinTheRights) {
  const auto limits =
      ASSERT_VALUE(process_limits(app_with({{"nofile", 10, 1000}, {"core", 0, 0}}, 100), rights_of(false)));
  EXPECT_TRUE(limits.problems.empty());
  EXPECT_EQ(limits.limits, (std::vector<sys::ResourceLimit>{{RLIMIT_NOFILE, 10, 1000}, {RLIMIT_CORE, 0, 0}}));
  EXPECT_EQ(limits.oom_score_adjust, 100);
}

TEST(ProcessLimits, BeyondTheRightsTheNearestIsTaken) {
  const auto limits =
      ASSERT_VALUE(process_limits(app_with({{"nofile", 2000, Rlimit::kUnlimited}}, 99), rights_of(false)));
  EXPECT_EQ(limits.problems, (std::vector<std::string>{
                                 "limit nofile=2000:unlimited (raising the hard limit above 1000 needs "
                                 "CAP_SYS_RESOURCE)",
                                 "OOM score adjustment 99 (lowering it below 100 needs CAP_SYS_RESOURCE)"}));
  EXPECT_EQ(limits.limits, (std::vector<sys::ResourceLimit>{{RLIMIT_NOFILE, 1000, 1000}}));
  EXPECT_EQ(limits.oom_score_adjust, std::nullopt);
}

TEST(ProcessLimits, ThePrivilegedMayDoAnything) {
  const auto limits =
      ASSERT_VALUE(process_limits(app_with({{"nofile", 2000, Rlimit::kUnlimited}}, -1000), rights_of(true)));
  EXPECT_TRUE(limits.problems.empty());
  EXPECT_EQ(limits.limits, (std::vector<sys::ResourceLimit>{{RLIMIT_NOFILE, 2000, sys::kUnlimited}}));
  EXPECT_EQ(limits.oom_score_adjust, -1000);
}

TEST(ProcessLimits, UnknownResourcesAreErrors) {
  EXPECT_EQ(agena::testing::error_of(process_limits(app_with({{"files", 1, 1}}), rights_of(true))),
            "unknown resource limit 'files' (nofile, nproc, core, …)");
  const auto none = ASSERT_VALUE(process_limits(schema::App{}));
  EXPECT_TRUE(none.limits.empty() && none.problems.empty());
}

}  // namespace
}  // namespace agena::stage2
