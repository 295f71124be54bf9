// What an image gets of the isolators that it asks for.
#include "stage0/pod/image_isolators.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "manifests/isolators/isolators.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage0/pod/records.h"

namespace agena::stage0 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NarrowedIsolators narrowed(std::initializer_list<const char*> texts, const AppRequest& app = {},
                           const CallerLimits& caller = {}) {
  std::vector<schema::Isolator> isolators;
  for (const char* text : texts) {
    auto isolator = isolators::parse_isolator(text);
    EXPECT_TRUE(test::ok(isolator)) << text;
    isolators.push_back(*std::move(isolator));
  }
  auto result = narrow_isolators(isolators, app, caller);
  EXPECT_TRUE(test::ok(result));
  return *std::move(result);
}

// "name value" of each that is left.
std::vector<std::string> left(const NarrowedIsolators& narrowed) {
  std::vector<std::string> texts;
  for (const schema::Isolator& isolator : narrowed.isolators)
    texts.push_back(isolator.name.str() + " " + isolator.json);
  return texts;
}

TEST(ImageIsolators, CapabilitiesBeyondTheDefault) {
  const auto result = narrowed(
      {R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_SYS_ADMIN","CAP_KILL"]}})"});
  EXPECT_THAT(left(result), ElementsAre(R"(os/linux/capabilities-retain-set {"set":["CAP_KILL"]})"));
  EXPECT_THAT(
      result.warnings,
      ElementsAre("isolator os/linux/capabilities-retain-set asks for CAP_SYS_ADMIN, which an image does not "
                  "get by itself (--caps-retain=CAP_KILL,CAP_SYS_ADMIN gives it)"));
}

// An empty set would be none at all, that is the default.
TEST(ImageIsolators, NoneOfTheCapabilitiesIsInTheDefault) {
  const auto result =
      narrowed({R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_SYS_ADMIN"]}})"});
  ASSERT_EQ(result.isolators.size(), 1U);
  EXPECT_EQ(result.isolators.front().kind, schema::IsolatorKind::kCapabilitiesRemove);
  EXPECT_EQ(std::get<schema::CapabilitySet>(result.isolators.front().value).names.size(), 14U);
}

TEST(ImageIsolators, WhatNarrowsStaysAsItIs) {
  constexpr const char* kRetain =
      R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_KILL"]}})";
  const auto result = narrowed(
      {kRetain, R"({"name":"resource/memory","value":{"limit":"48Mi"}})",
       R"({"name":"os/linux/oom-score-adj","value":500})", R"({"name":"os/linux/cpu-shares","value":10})",
       R"({"name":"os/linux/no-new-privileges","value":true})", R"({"name":"agena/pids-limit","value":5})"});
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_THAT(left(result),
              ElementsAre(R"(os/linux/capabilities-retain-set {"set":["CAP_KILL"]})",
                          R"(resource/memory {"limit":"48Mi"})", "os/linux/oom-score-adj 500",
                          "os/linux/cpu-shares 10", "os/linux/no-new-privileges true", "agena/pids-limit 5"));
}

TEST(ImageIsolators, CallsAreThoseOfTheDefaultList) {
  auto result = narrowed({R"({"name":"os/linux/seccomp-retain-set","value":{"set":["@appc.io/all"]}})"});
  EXPECT_THAT(left(result), ElementsAre(R"(agena/seccomp-retain-set {"set":["@appc.io/all"]})"));
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("(--seccomp=mode=retain,@appc.io/all gives it)")));
  result = narrowed(
      {R"({"name":"os/linux/seccomp-retain-set","value":{"set":["read","keyctl"],"errno":"EPERM"}})"});
  EXPECT_THAT(result.warnings,
              ElementsAre("isolator os/linux/seccomp-retain-set asks for keyctl, which an image does "
                          "not get by itself (--seccomp=mode=retain,errno=EPERM,read,keyctl gives it)"));
  result =
      narrowed({R"({"name":"os/linux/seccomp-retain-set","value":{"set":["@docker/default-whitelist"]}})"});
  EXPECT_THAT(result.warnings, IsEmpty());
  result = narrowed({R"({"name":"os/linux/seccomp-remove-set","value":{"set":["swapon"]}})"});
  EXPECT_THAT(left(result), ElementsAre(R"(agena/seccomp-remove-set {"set":["swapon"]})"));
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(ImageIsolators, LabelsAreForWhoRunsIt) {
  const auto result = narrowed(
      {R"({"name":"os/linux/selinux-context","value":{"user":"u","role":"r","type":"t","level":"s0"}})",
       R"({"name":"os/linux/apparmor-profile","value":"unconfined"})"});
  EXPECT_THAT(left(result), IsEmpty());
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("(--selinux-context=u:r:t:s0 gives it)"),
                                           HasSubstr("(--apparmor-profile=unconfined gives it)")));
}

TEST(ImageIsolators, MoreThanTheCallerHas) {
  const CallerLimits caller{.oom_score_adjust = 200, .hard = {{RLIMIT_NOFILE, 4096}}};
  const auto result = narrowed(
      {R"({"name":"os/linux/oom-score-adj","value":100})", R"({"name":"os/linux/cpu-shares","value":2048})",
       R"({"name":"agena/rlimits","value":[{"name":"nofile","soft":1024,"hard":"unlimited"},)"
       R"({"name":"core","soft":0,"hard":0}]})"},
      {}, caller);
  EXPECT_THAT(left(result), ElementsAre(R"(agena/rlimits [{"name":"core","soft":0,"hard":0}])"));
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("(--oom-score-adj=100 gives it)"),
                                           HasSubstr("(--cpu-shares=2048 gives it)"),
                                           HasSubstr("(--rlimit=nofile=1024:unlimited gives it)")));
}

TEST(ImageIsolators, WhatFlagsReplaceIsNoMatter) {
  AppRequest app;
  app.isolators.caps_retain = {{"CAP_SYS_ADMIN"}};
  app.isolators.seccomp = "mode=retain,@appc.io/all";
  app.isolators.oom_score_adj = "-5";
  app.resources.rlimits = {"nofile=1"};
  const auto result =
      narrowed({R"({"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_SYS_ADMIN"]}})",
                R"({"name":"os/linux/seccomp-retain-set","value":{"set":["@appc.io/all"]}})",
                R"({"name":"os/linux/oom-score-adj","value":-5})",
                R"({"name":"agena/rlimits","value":[{"name":"nofile","soft":9,"hard":9}]})"},
               app, {.oom_score_adjust = 0, .hard = {{RLIMIT_NOFILE, 4}}});
  EXPECT_THAT(left(result), IsEmpty());
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(ImageIsolators, WhoMaySayMore) {
  ImageRecord image = test_records::simple_aci('a', "example.com/app", R"(["/app"])");
  Engine engine;
  EXPECT_FALSE(isolators_count(image, engine, {}));
  EXPECT_TRUE(isolators_count(image, engine, {.image_isolators = true}));
  image.trust.installed = true;
  EXPECT_TRUE(isolators_count(image, engine, {}));
  image.trust = {.signers = {"NOBODY TRUSTS THIS"}, .installed = false};
  EXPECT_FALSE(isolators_count(image, engine, {}));
  engine.fetch.local_signatures = true;
  EXPECT_TRUE(isolators_count(image, engine, {}));
}

}  // namespace
}  // namespace agena::stage0
