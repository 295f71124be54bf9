// Tables, JSON documents and status lines.
#include <gtest/gtest.h>

#include "stage0/cli/output/image_text.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/pod_glance.h"
#include "stage0/cli/output/pod_text.h"
#include "stage0/cli/output/table.h"
#include "tests/support/golden.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using testing::error_of;
using testing::expect_golden;

constexpr Nanoseconds kNow = 1'700'000'000 * kSecond;

// Tests that show absolute times show them in UTC.
class InUtc : public ::testing::Test {
 protected:
  InUtc() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};
class PodText : public InUtc {};
class ImageText : public InUtc {};

TEST(Table, AlignsWithTabsOfEight) {
  Table table;
  table.add_row({"UUID", "APP", "LAST"});
  table.add_row({"12345678", "a", "x"});
  table.add_row({"", "1234567", ""});
  EXPECT_EQ(table.to_string(),
            "UUID\t\tAPP\tLAST\n"
            "12345678\ta\tx\n"
            "\t\t1234567\t\n");
}

TEST(Table, CountsCodePointsAndShowsNoControls) {
  Table table;
  table.add_row({"äöüäöüä", "b"});
  table.add_row({"\x1b[J", "c"});
  EXPECT_EQ(table.to_string(), "äöüäöüä\tb\n\\x1b[J\tc\n");
}

TEST(Table, SingleColumnHasNoTabs) {
  Table table;
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.to_string(), "");
  table.add_row({"a"});
  EXPECT_EQ(table.to_string(), "a\n");
}

TEST(HumanSize, HasThreeDigitsAtMost) {
  struct Row {
    std::uint64_t bytes;
    const char* text;
  };
  for (const Row& row :
       {Row{0, "0B"}, Row{1, "1B"}, Row{1023, "1023B"}, Row{1024, "1.0KiB"}, Row{1536, "1.5KiB"},
        Row{10240, "10KiB"}, Row{41'943'040, "40MiB"}, Row{9'990'000, "9.5MiB"},
        Row{std::uint64_t{5} << 30U, "5.0GiB"}, Row{UINT64_MAX, "16EiB"}})
    EXPECT_EQ(human_size(row.bytes), row.text) << row.bytes;
}

PodInfo pod_of(char digit, PodState state) {
  PodInfo pod(Uuid::parse(std::string(8, digit) + "-0000-4000-8000-000000000000").value());
  pod.state = state;
  return pod;
}

// Pods in every sort of condition.
std::vector<PodInfo> sample_pods() {
  std::vector<PodInfo> pods;
  PodInfo running = pod_of('1', PodState::kRunning);
  running.created_at = kNow - 150 * kSecond;
  running.started_at = kNow - 149 * kSecond - 877'000'000;
  running.networks = {{.net_name = "default",
                       .net_conf = "net/99-default.conf",
                       .plugin_path = "ptp",
                       .if_name = "eth0",
                       .ip = "172.16.28.2",
                       .args = "",
                       .mask = "255.255.255.0",
                       .addresses = {"172.16.28.2/24", "fd00::2/64"}},
                      {.net_name = "other",
                       .net_conf = {},
                       .plugin_path = {},
                       .if_name = "eth1",
                       .ip = "10.0.0.7",
                       .args = {},
                       .mask = {},
                       .addresses = {}}};
  running.user_annotations = {{"a", "1"}};
  running.user_labels = {{"l", "2"}};
  AppInfo web;
  web.name = "web";
  web.state = AppState::kRunning;
  web.image_id = "sha512-" + std::string(64, 'a');
  web.image_name = "example.com/web:1.0";
  web.created_at = kNow - 150 * kSecond;
  web.started_at = kNow - 149 * kSecond;
  web.mounts = {{.name = "data", .container_path = "/data", .host_path = "/srv", .read_only = true}};
  AppInfo job;
  job.name = "job";
  job.image_id = "sha512-" + std::string(64, 'b');
  running.apps = {web, job};
  pods.push_back(running);

  PodInfo exited = pod_of('2', PodState::kExited);
  exited.created_at = kNow - 2 * 86400 * kSecond;
  exited.started_at = exited.created_at;
  AppInfo first = job;
  first.name = "zz";
  first.state = AppState::kExited;
  first.exit_code = 0;
  first.finished_at = kNow - 86400 * kSecond;
  AppInfo second = first;
  second.name = "aa";
  second.exit_code = 3;
  second.user_annotations = {{"b", "3"}};
  second.user_labels = {{"m", "4"}};
  exited.apps = {first, second};
  pods.push_back(exited);

  pods.push_back(pod_of('3', PodState::kPreparing));
  return pods;
}

TEST_F(PodText, Tables) {
  const auto pods = sample_pods();
  std::string text = pods_table(pods, {.legend = true, .full = false, .now = kNow}).to_string();
  text += "----\n" + pods_table(pods, {.legend = false, .full = true, .now = kNow}).to_string();
  text += "----\n" + pods_table({}, {.legend = true, .full = false, .now = kNow}).to_string();
  expect_golden("cli/list.txt", text);
  EXPECT_TRUE(pods_table({}, {.legend = false, .full = false, .now = kNow}).empty());
}

TEST_F(PodText, StatusLines) {
  const auto pods = sample_pods();
  std::string text = status_lines({.info = pods[0], .pid = 4242, .exited = false});
  text += "----\n" + status_lines({.info = pods[1], .pid = std::nullopt, .exited = true});
  PodInfo garbage = pods[1];
  garbage.state = PodState::kExitedGarbage;
  text += "----\n" + status_lines({.info = garbage, .pid = 7, .exited = true});
  text += "----\n" + status_lines({.info = pods[2], .pid = std::nullopt, .exited = false});
  expect_golden("cli/status.txt", text);
}

TEST_F(PodText, Json) {
  const auto pods = sample_pods();
  expect_golden("cli/list.json", ASSERT_VALUE(pods_json(pods, JsonStyle::kPretty)) + "\n");
  EXPECT_EQ(ASSERT_VALUE(pods_json({}, JsonStyle::kCompact)), "[]");
  EXPECT_EQ(ASSERT_VALUE(pod_json(pods[2], style_of_format("json"))),
            R"({"name":"33333333-0000-4000-8000-000000000000","state":"preparing"})");
}

// A mutable pod, with an app that runs and one that was killed.
PodInfo sample_sandbox() {
  PodInfo pod = pod_of('4', PodState::kRunning);
  pod.is_mutable = true;
  AppInfo web;
  web.name = "web";
  web.state = AppState::kRunning;
  web.image_id = "sha512-" + std::string(64, 'a');
  web.created_at = kNow - 150 * kSecond + 120'000'000;
  web.started_at = kNow - 149 * kSecond;
  web.mounts = {{.name = "data", .container_path = "/data", .host_path = "/srv", .read_only = true},
                {.name = "tmp", .container_path = "/t", .host_path = "/tmp", .read_only = false}};
  web.user_annotations = {{"a", "1"}, {"b", "any text"}};
  web.user_labels = {{"l", "2"}};
  web.life.emplace();
  web.life->started_at = web.started_at;
  web.life->health = contract::Health::kHealthy;
  AppInfo job;
  job.name = "job";
  job.state = AppState::kExited;
  job.image_id = "sha512-" + std::string(64, 'b');
  job.created_at = kNow - 150 * kSecond;
  job.started_at = kNow - 149 * kSecond;
  job.finished_at = kNow - 100 * kSecond + 1;
  job.exit_code = 137;
  job.oom_kills = 1;
  job.life.emplace();
  job.life->restarts = 2;
  job.life->last_exit_code = 137;
  job.life->last_exit_at = job.finished_at;
  job.life->last_signal = "SIGKILL";
  pod.apps = {web, job};
  return pod;
}

TEST_F(PodText, AppsOfMutablePods) {
  const PodInfo pod = sample_sandbox();
  std::string text = apps_table(pod.apps, /*legend=*/true).to_string() + "----\n" +
                     apps_table(pod.apps, /*legend=*/false).to_string();
  for (const AppInfo& app : pod.apps) text += "----\n" + app_status_lines(app);
  text += "----\n" + status_lines({.info = pod, .pid = 4242, .exited = false});
  text += "----\n" + ASSERT_VALUE(pod_json(pod, JsonStyle::kPretty)) + "\n";
  expect_golden("cli/apps.txt", text);
  EXPECT_EQ(apps_table({}, /*legend=*/false).to_string(), "");
  EXPECT_EQ(ASSERT_VALUE(apps_json({}, JsonStyle::kCompact)), "[]");
}

std::vector<ImageRow> sample_images() {
  return {{.id = "sha512-" + std::string(64, 'b'),
           .name = "b",
           .size = 41'943'040,
           .import_time = kNow - 3600 * kSecond,
           .last_used = kNow - 5 * kSecond},
          {.id = "sha512-" + std::string(64, 'c'),
           .name = "a:1",
           .size = 512,
           .import_time = kNow - 7200 * kSecond,
           .last_used = kNow},
          {.id = "sha512-" + std::string(64, 'a'),
           .name = "a:1",
           .size = 512,
           .import_time = kNow - 60 * kSecond,
           .last_used = kNow}};
}

TEST_F(ImageText, Tables) {
  const auto columns = ASSERT_VALUE(parse_image_columns("id,name,size,importtime,lastused"));
  std::string text =
      images_table(sample_images(), columns, {.legend = true, .full = false, .now = kNow}).to_string();
  text += "----\n" +
          images_table(sample_images(), columns, {.legend = false, .full = true, .now = kNow}).to_string();
  const auto some = ASSERT_VALUE(parse_image_columns("size,id"));
  text += "----\n" +
          images_table(sample_images(), some, {.legend = true, .full = false, .now = kNow}).to_string();
  expect_golden("cli/image-list.txt", text);
  EXPECT_EQ(
      error_of(parse_image_columns("")),
      "unknown column '' (there are: id, name, size, importtime, lastused, names, format, digest, unique, "
      "shared, layers)");
}

std::string sorted(const char* by, bool descending) {
  auto rows = sample_images();
  sort_images(rows, parse_image_columns(by).value(), descending);
  std::string ids;
  for (const ImageRow& row : rows) ids += row.id[7];
  return ids;
}

TEST_F(ImageText, Sorting) {
  EXPECT_EQ(sorted("importtime", false), "cba");
  EXPECT_EQ(sorted("importtime", true), "abc");
  EXPECT_EQ(sorted("name", false), "cab") << "equal rows keep their order";
  EXPECT_EQ(sorted("name,importtime", true), "bac");
  EXPECT_EQ(sorted("size,id", false), "acb");
  EXPECT_EQ(sorted("lastused", false), "bca");
}

TEST_F(ImageText, Json) {
  EXPECT_EQ(
      ASSERT_VALUE(images_json({{.id = "i", .name = "n", .size = 1, .import_time = 2, .last_used = 3}},
                               JsonStyle::kCompact)),
      R"([{"id":"i","name":"n","import_time":2,"last_used_time":3,"size":1,"names":[],"format":"","digest":"",)"
      R"("unique_size":0,"shared_size":0,"layers":0}])");
}

TEST(RestyleJson, KeepsOrderAndRefusesBrokenText) {
  EXPECT_EQ(ASSERT_VALUE(restyle_json("{\"b\": 1,\n \"a\": [2]}", JsonStyle::kCompact)),
            R"({"b":1,"a":[2]})");
  EXPECT_EQ(ASSERT_VALUE(restyle_json(R"({"b":1})", JsonStyle::kPretty)), "{\n\t\"b\": 1\n}");
  EXPECT_FALSE(restyle_json("{", JsonStyle::kPretty));
}

TEST(ScreenTable, GivesWayToTheWindow) {
  Table table;
  table.add_row({"ID", "NAME", "SINCE", "STATE"});
  table.add_row({"1", "registry.example.com/long/name:1", "2 minutes ago", "failed"});
  table.set_tone(3, Tone::kBad);
  table.fit({{}, {.least = 8, .keep_end = true}, {.leaves = 1}, {}});
  const auto shown = [&](std::size_t columns, bool colour = false) {
    return table.to_screen({.is_terminal = true, .columns = columns, .has_colour = colour});
  };
  EXPECT_EQ(shown(80),
            "ID  NAME                              SINCE          STATE\n"
            "1   registry.example.com/long/name:1  2 minutes ago  failed\n");
  EXPECT_EQ(shown(40),
            "ID  NAME           SINCE          STATE\n"
            "1   …/long/name:1  2 minutes ago  failed\n");
  EXPECT_EQ(shown(30),
            "ID  NAME                STATE\n"
            "1   …e.com/long/name:1  failed\n");
  EXPECT_EQ(shown(10), "ID  NAME      STATE\n1   …/name:1  failed\n") << "what cannot give way stays";
  EXPECT_TRUE(shown(80, true).ends_with("\x1b[31mfailed\x1b[0m\n"));
  EXPECT_EQ(table.to_screen({}), table.to_string()) << "no terminal";
}

TEST(Glance, TellsWhatIsWrong) {
  PodInfo pod(*Uuid::parse("aaaaaaaa-0000-4000-8000-000000000001"));
  pod.state = PodState::kRunning;
  pod.started_at = 1;
  AppInfo app;
  app.name = "a";
  app.state = AppState::kRunning;
  const auto text = [&] { return glance_of(pod, &app).text; };
  EXPECT_EQ(text(), "running");
  app.life.emplace().ready = false;
  EXPECT_EQ(text(), "not ready");
  app.life->health = contract::Health::kUnhealthy;
  EXPECT_EQ(text(), "unhealthy");
  app.life->restart_at = 5;
  EXPECT_EQ(text(), "restarting");
  pod.state = PodState::kExited;
  EXPECT_EQ(text(), "aborted");
  app.exit_code = 0;
  EXPECT_EQ(text(), "exited");
  app.exit_code = 143;
  EXPECT_EQ(text(), "failed (143, SIGTERM)");
  app.exit_code = 137;
  app.oom_kills = 1;
  EXPECT_EQ(text(), "failed (137, out of memory)");
  app.exit_code.reset();
  pod.started_at.reset();
  EXPECT_EQ(text(), "never started");
}

}  // namespace
}  // namespace agena::stage0
