// argv of the entrypoints: rendered by stage0, parsed by stage1, from one table.
#include "common/contract/entrypoints.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/support/result_matchers.h"

namespace agena::contract {
namespace {

using agena::testing::error_of;
using Argv = std::vector<std::string>;

// A call that uses every option of an entrypoint, with as few operands as it takes.
EntrypointCall full_call(const EntrypointRow& row) {
  EntrypointCall call;
  for (const EntrypointOption& option : row.options)
    call.options.emplace(
        option.name, option.arity == OptionArity::kValue ? "value of " + std::string(option.name) : "true");
  for (int i = 0; i < row.min_operands; ++i) call.operands.push_back("operand-" + std::to_string(i));
  return call;
}

TEST(EntrypointTable, IsInTheOrderOfTheEnumWithUniqueNames) {
  std::set<std::string_view> names;
  std::set<std::string_view> annotations;
  int next = 0;
  for (const EntrypointRow& row : entrypoint_table()) {
    EXPECT_EQ(static_cast<int>(row.value), next++) << row.name;
    EXPECT_EQ(&entrypoint_row(row.value), &row);
    EXPECT_EQ(find_entrypoint(row.name), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(annotations.insert(row.annotation).second) << row.annotation;
    EXPECT_TRUE(row.annotation.starts_with("coreos.com/rkt/stage1/")) << row.annotation;
    EXPECT_LE(row.since, kInterfaceVersion) << row.name;
    std::set<std::string_view> options;
    for (const EntrypointOption& option : row.options) {
      EXPECT_TRUE(options.insert(option.name).second) << row.name << " --" << option.name;
      EXPECT_LE(option.since, kInterfaceVersion) << option.name;
    }
  }
  EXPECT_EQ(find_entrypoint("no-such"), nullptr);
}

TEST(EntrypointCall, WhatIsRenderedIsParsedBack) {
  for (const EntrypointRow& row : entrypoint_table()) {
    SCOPED_TRACE(std::string(row.name));
    const EntrypointCall call = full_call(row);
    const RenderedCall rendered = ASSERT_VALUE(render_call(row.value, call, kInterfaceVersion));
    EXPECT_TRUE(rendered.warnings.empty());
    const EntrypointCall parsed = ASSERT_VALUE(parse_call(row.value, rendered.argv));
    EXPECT_EQ(parsed.options, call.options);
    EXPECT_EQ(parsed.operands, call.operands);
  }
}

TEST(EntrypointCall, RunStandsInThePublishedOrder) {
  constexpr int kPublished = 6;  // rkt's last version; later options are ours
  EntrypointCall call = full_call(entrypoint_row(Entrypoint::kRun));
  for (auto& [name, value] : call.options)
    if (value != "true") value = "v";
  call.operands = {"UUID"};
  const RenderedCall rendered = ASSERT_VALUE(render_call(Entrypoint::kRun, call, kPublished));
  EXPECT_EQ(rendered.argv, (Argv{"--debug", "--net=v", "--interactive", "--private-users=v", "--mds-token=v",
                                 "--local-config=v", "--hostname=v", "--dns-conf-mode=v",
                                 "--disable-capabilities-restriction", "--disable-paths", "--disable-seccomp",
                                 "--mutable", "--ipc=v", "UUID"}));
}

TEST(EntrypointCall, AnOlderStage1GetsNoYoungerOption) {
  for (const EntrypointRow& row : entrypoint_table())
    for (int version = 1; version <= kInterfaceVersion; ++version) {
      SCOPED_TRACE(std::string(row.name) + " " + std::to_string(version));
      const RenderedCall rendered = ASSERT_VALUE(render_call(row.value, full_call(row), version));
      std::size_t kept = 0;
      std::size_t warned = 0;
      for (const EntrypointOption& option : row.options) {
        if (option.since <= version) ++kept;
        if (option.since > version && option.warn_if_dropped) ++warned;
      }
      const std::size_t dashes = row.max_operands < 0 ? 1U : 0U;
      EXPECT_EQ(rendered.argv.size(), kept + dashes + static_cast<std::size_t>(row.min_operands));
      EXPECT_EQ(rendered.warnings.size(), warned);
    }
}

TEST(EntrypointCall, DroppingAnOptionIsToldInRktsWords) {
  EntrypointCall call;
  call.options = {{"hostname", "web"}, {"disable-paths", "true"}};
  call.operands = {"UUID"};
  const RenderedCall rendered = ASSERT_VALUE(render_call(Entrypoint::kRun, call, 1));
  EXPECT_EQ(rendered.argv, (Argv{"UUID"}));
  EXPECT_EQ(rendered.warnings, (Argv{"warning: --hostname option is not supported by stage1"}));
}

TEST(EntrypointCall, FlagsThatAreOffAreLeftOutAndBoolsAreWritten) {
  EntrypointCall run;
  run.options = {{"debug", "false"}};
  run.operands = {"UUID"};
  const RenderedCall off = ASSERT_VALUE(render_call(Entrypoint::kRun, run, kInterfaceVersion));
  EXPECT_EQ(off.argv, (Argv{"UUID"}));
  EntrypointCall start;
  start.options = {{"debug", "false"}, {"app", "redis"}};
  const RenderedCall written = ASSERT_VALUE(render_call(Entrypoint::kAppStart, start, kInterfaceVersion));
  EXPECT_EQ(written.argv, (Argv{"--debug=false", "--app=redis"}));
}

TEST(EntrypointCall, AForeignCommandLineMayLookLikeOptions) {
  EntrypointCall call;
  call.options = {{"pid", "7"}, {"appname", "web"}};
  call.operands = {"--version", "--", "-x", ""};
  const RenderedCall rendered = ASSERT_VALUE(render_call(Entrypoint::kEnter, call, kInterfaceVersion));
  EXPECT_EQ(rendered.argv, (Argv{"--pid=7", "--appname=web", "--", "--version", "--", "-x", ""}));
  const EntrypointCall parsed = ASSERT_VALUE(parse_call(Entrypoint::kEnter, rendered.argv));
  EXPECT_EQ(parsed.operands, call.operands);
  EXPECT_EQ(parsed.value("pid"), "7");
}

TEST(EntrypointCall, ValuesMayHoldAnything) {
  for (const char* value : {"", "a=b", "--net", "a b", "\n"}) {
    EntrypointCall call;
    call.options = {{"net", value}};
    call.operands = {"UUID"};
    const RenderedCall rendered = ASSERT_VALUE(render_call(Entrypoint::kRun, call, kInterfaceVersion));
    const EntrypointCall parsed = ASSERT_VALUE(parse_call(Entrypoint::kRun, rendered.argv));
    EXPECT_EQ(parsed.value("net", "no value"), value);
  }
}

TEST(EntrypointCall, UnknownOptionOfOursIsOurFault) {
  EntrypointCall call;
  call.options = {{"nett", "x"}};
  const auto rendered = render_call(Entrypoint::kRun, call, kInterfaceVersion);
  ASSERT_FALSE(rendered.has_value());
  EXPECT_EQ(rendered.error().kind(), ErrorKind::kInternal);
}

struct BadCall {
  Entrypoint entrypoint;
  Argv args;
  const char* message;
};

TEST(EntrypointCall, BadArgumentsAreNamed) {
  const std::vector<BadCall> calls = {
      {Entrypoint::kRun, {"--nett=x", "UUID"}, "run: unknown option '--nett=x'"},
      {Entrypoint::kRun, {"--net", "UUID"}, "run: option '--net' needs a value"},
      {Entrypoint::kRun, {"--debug=maybe", "UUID"}, "run: option '--debug' is true or false, not 'maybe'"},
      {Entrypoint::kRun, {}, "run: expected UUID, got 0 arguments"},
      {Entrypoint::kGc, {"U", "V"}, "gc: expected UUID, got 2 arguments"},
      {Entrypoint::kEnter, {"--pid=1", "--"}, "enter: expected COMMAND [ARG...], got 0 arguments"},
      {Entrypoint::kAppRm, {"x"}, "app-rm: expected no arguments, got 1 arguments"},
      {Entrypoint::kStop, {"--force=\x1b", "U"}, "stop: option '--force' is true or false, not '\\x1b'"},
  };
  for (const BadCall& bad : calls) {
    const auto parsed = parse_call(bad.entrypoint, bad.args);
    EXPECT_EQ(error_of(parsed), bad.message);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kInvalidInput);
  }
}

TEST(EntrypointCall, TheLastOfTwoEqualOptionsCounts) {
  const EntrypointCall parsed = ASSERT_VALUE(parse_call(Entrypoint::kRun, {"--net=a", "--net=b", "UUID"}));
  EXPECT_EQ(parsed.value("net"), "b");
  EXPECT_EQ(parsed.value("ipc", "auto"), "auto");
  EXPECT_FALSE(parsed.flag("debug"));
}

}  // namespace
}  // namespace agena::contract
