#include "common/stage2/hub_protocol.h"

#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "tests/support/temp_dir.h"

namespace agena::stage2 {
namespace {

using agena::test::ok;

void expect_round_trip(const HubRequest& request, std::string_view text) {
  EXPECT_EQ(render_hub_request(request), text);
  const auto read = parse_hub_request(text);
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(*read, request);
}

void expect_round_trip(const HubReply& reply, std::string_view text) {
  EXPECT_EQ(render_hub_reply(reply), text);
  const auto read = parse_hub_reply(text);
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(*read, reply);
}

TEST(HubProtocol, Requests) {
  expect_round_trip(
      HubRequest(HubHello{
          .app = "redis", .role = Role::kApp, .pid = 7, .streams = {HubStream::kTty, HubStream::kStdout}}),
      R"({"version":1,"type":"hello","app":"redis","role":"app","pid":7,"streams":["tty","stdout"]})");
  expect_round_trip(
      HubRequest(HubFailed{.app = "redis", .role = Role::kPostStop, .text = "no \"x\"", .exit_code = 127}),
      R"({"version":1,"type":"failed","app":"redis","role":"post-stop","text":"no \"x\"","exitCode":127})");
  expect_round_trip(
      HubRequest(HubEnded{.app = "redis",
                          .service_result = "signal",
                          .exit_code = "killed",
                          .exit_status = "TERM",
                          .again = true}),
      R"({"version":1,"type":"ended","app":"redis","serviceResult":"signal","exitCode":"killed","exitStatus":"TERM","again":true})");
}

TEST(HubProtocol, SocketsAndStop) {
  expect_round_trip(HubRequest(HubManager()), R"({"version":1,"type":"manager"})");
  expect_round_trip(HubRequest(HubStop()), R"({"version":1,"type":"stop"})");
  expect_round_trip(HubReply(HubStreams{.streams = {HubStream::kStdout}, .sockets = {"http", "x.socket"}}),
                    R"({"version":1,"type":"streams","streams":["stdout"],"sockets":["http","x.socket"]})");
}

TEST(HubProtocol, Admission) {
  expect_round_trip(HubRequest(HubAdmit{.app = "redis"}), R"({"version":1,"type":"admit","app":"redis"})");
  expect_round_trip(HubReply(HubAdmitted{.start = true}), R"({"version":1,"type":"admitted","start":true})");
  EXPECT_FALSE(parse_hub_reply(R"({"version":1,"type":"admitted"})").has_value());
}

TEST(HubProtocol, Steps) {
  expect_round_trip(
      HubRequest(HubSteps{{{"root", 5, 12}, {"user", 12, 13}}}),
      R"({"version":1,"type":"steps","spans":[{"name":"root","start":5,"end":12},{"name":"user","start":12,"end":13}]})");
  EXPECT_FALSE(
      parse_hub_request(R"({"version":1,"type":"steps","spans":[{"name":"root","start":5,"end":4}]})"));
  EXPECT_FALSE(
      parse_hub_request(R"({"version":1,"type":"steps","spans":[{"name":"root","start":-5,"end":4}]})"));
  // What is more than a message holds is left out by the sender and refused by the reader.
  HubSteps many;
  for (int i = 0; i < 1000; ++i) many.spans.push_back({std::string(500, '"'), INT64_MAX - 1, INT64_MAX});
  const std::string text = render_hub_request(many);
  EXPECT_LE(text.size(), kMaxHubMessage);
  const auto read = parse_hub_request(text);
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(std::get<HubSteps>(*read).spans.size(), kMostSteps);
}

TEST(HubProtocol, Replies) {
  expect_round_trip(HubReply(HubStreams{.streams = {HubStream::kStdin, HubStream::kStderr}, .sockets = {}}),
                    R"({"version":1,"type":"streams","streams":["stdin","stderr"]})");
  expect_round_trip(HubReply(HubRecorded{}), R"({"version":1,"type":"recorded"})");
  expect_round_trip(HubReply(HubRefused{.text = "no app 'x'"}),
                    R"({"version":1,"type":"refused","text":"no app 'x'"})");
}

TEST(HubProtocol, AReportAlwaysFitsAndIsAlwaysUtf8) {
  // Control characters take six bytes each in JSON.
  const std::string worst(100'000, '\x01');
  for (const std::string& text :
       {worst, std::string(100'000, 'x'), std::string(9'999, '\xff'), std::string("a\xff")}) {
    const std::string failed =
        render_hub_request(HubFailed{.app = text, .role = Role::kApp, .text = text, .exit_code = 126});
    EXPECT_LE(failed.size(), kMaxHubMessage);
    EXPECT_TRUE(ok(parse_hub_request(failed)));
    const std::string ended = render_hub_request(
        HubEnded{.app = text, .service_result = text, .exit_code = text, .exit_status = text});
    EXPECT_LE(ended.size(), kMaxHubMessage);
    EXPECT_TRUE(ok(parse_hub_request(ended)));
    EXPECT_TRUE(ok(parse_hub_reply(render_hub_reply(HubRefused{.text = text}))));
  }
  // A cut does not split a character.
  std::string umlauts;
  for (int i = 0; i < 5'000; ++i) umlauts += "ü";
  const auto read = parse_hub_request(
      render_hub_request(HubFailed{.app = "x" + umlauts, .role = Role::kApp, .text = umlauts}));
  ASSERT_TRUE(ok(read));
  EXPECT_TRUE(is_utf8(std::get<HubFailed>(*read).app));
}

struct BadMessage {
  const char* text;
  const char* complaint;
};
void PrintTo(const BadMessage& row, std::ostream* out) { *out << row.text; }

class BadHubRequest : public ::testing::TestWithParam<BadMessage> {};

TEST_P(BadHubRequest, IsRefused) {
  const auto read = parse_hub_request(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().to_string(), fmt::format("hub request: {}", GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadHubRequest,
    ::testing::Values(
        BadMessage{"[]", "expected an object, found an array; expected an object, found an array"},
        BadMessage{R"({"version":2,"type":"hello"})", "/version: expected an integer from 1 to 1, found 2"},
        BadMessage{R"({"version":1,"type":"recorded"})", "unknown type 'recorded'"},
        BadMessage{R"({"version":1,"type":"hello","app":"a","role":"app","pid":0,"streams":[]})",
                   "/pid: expected an integer from 1 to 2147483647, found 0"},
        BadMessage{R"({"version":1,"type":"hello","app":"a","role":"app","pid":1,"streams":["tty","tty"]})",
                   "/streams/1: stream is there twice"},
        BadMessage{R"({"version":1,"type":"hello","app":"a","role":"app","pid":1,"streams":["stdio"]})",
                   "/streams/0: expected one of 'stderr', 'stdin', 'stdout', 'tty', found 'stdio'"},
        BadMessage{R"({"version":1,"type":"failed","app":"a","role":"app","text":"t","exitCode":256})",
                   "/exitCode: expected an integer from 0 to 255, found 256"},
        BadMessage{R"({"version":1,"type":"ended","app":"a","serviceResult":"","exitCode":""})",
                   "missing 'exitStatus'"},
        BadMessage{
            R"({"version":1,"type":"ended","app":"a","serviceResult":"","exitCode":"","exitStatus":"","x":1})",
            "unknown member 'x'"}));

TEST(HubProtocol, ALongMessageIsNotEvenRead) {
  EXPECT_EQ(parse_hub_reply(std::string(kMaxHubMessage + 1, ' ')).error().to_string(),
            "hub reply of 16385 bytes is too long");
}

}  // namespace
}  // namespace agena::stage2
