#include "common/stage2/hub_protocol.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/stage2/plan_names.h"

namespace agena::stage2 {
namespace {

using json_text::Json;

constexpr int kVersion = 1;
// What one text may take, so that any message stays below kMaxHubMessage: JSON spends at most six bytes on a
// character, and no message has more than four texts.
constexpr std::size_t kMaxText = 512;
// So that kMostSteps of them go into a message.
constexpr std::size_t kMaxStepName = 48;
// The sentence of a report may be longer; it is alone in its message with the app's name.
constexpr std::size_t kMaxSentence = 2048;

// A text that certainly can be sent: valid UTF-8, not too long.
std::string sendable(std::string_view text, std::size_t max) {
  std::string safe = is_utf8(text) ? std::string(text) : printable(text);
  if (safe.size() <= max) return safe;
  safe.resize(max);
  // A character that was cut in two goes as a whole.
  while (!is_utf8(safe)) safe.pop_back();
  return safe + "…";
}

std::string name_text(std::string_view text) { return sendable(text, kMaxText); }

Json message(std::string_view type) { return {{"version", kVersion}, {"type", type}}; }

Json streams_json(const std::vector<HubStream>& streams) {
  Json list = Json::array();
  for (const HubStream stream : streams) list.push_back(to_string(stream));
  return list;
}

Json to_json(const HubHello& hello) {
  Json json = message("hello");
  json["app"] = name_text(hello.app);
  json["role"] = to_string(hello.role);
  json["pid"] = hello.pid;
  json["streams"] = streams_json(hello.streams);
  return json;
}

Json to_json(const HubFailed& failed) {
  Json json = message("failed");
  json["app"] = name_text(failed.app);
  json["role"] = to_string(failed.role);
  json["text"] = sendable(failed.text, kMaxSentence);
  json["exitCode"] = failed.exit_code;
  return json;
}

Json to_json(const HubEnded& ended) {
  Json json = message("ended");
  json["app"] = name_text(ended.app);
  json["serviceResult"] = name_text(ended.service_result);
  json["exitCode"] = name_text(ended.exit_code);
  json["exitStatus"] = name_text(ended.exit_status);
  json["again"] = ended.again;
  return json;
}

Json to_json(const HubStop& /*request*/) { return message("stop"); }

Json to_json(const HubManager& /*request*/) { return message("manager"); }

Json to_json(const HubAdmit& admit) {
  Json json = message("admit");
  json["app"] = name_text(admit.app);
  return json;
}

Json to_json(const HubSteps& steps) {
  Json json = message("steps");
  Json list = Json::array();
  for (const trace::Span& span : steps.spans) {
    if (list.size() == kMostSteps) break;
    list.push_back({{"name", sendable(span.name, kMaxStepName)}, {"start", span.start}, {"end", span.end}});
  }
  json["spans"] = std::move(list);
  return json;
}

Json to_json(const HubAdmitted& reply) {
  Json json = message("admitted");
  json["start"] = reply.start;
  return json;
}

Json to_json(const HubStreams& reply) {
  Json json = message("streams");
  json["streams"] = streams_json(reply.streams);
  if (reply.sockets.empty()) return json;
  Json names = Json::array();
  for (const std::string& name : reply.sockets) names.push_back(name_text(name));
  json["sockets"] = std::move(names);
  return json;
}

Json to_json(const HubRecorded& /*reply*/) { return message("recorded"); }

Json to_json(const HubRefused& reply) {
  Json json = message("refused");
  json["text"] = sendable(reply.text, kMaxSentence);
  return json;
}

template <class Message>
std::string render(const Message& any) {
  // dump() refuses only what is not UTF-8, and sendable() let none through.
  return std::visit([](const auto& one) { return json_text::dump(to_json(one)).value_or(std::string()); },
                    any);
}

std::string require_text(const JsonNode& node, std::string_view key) {
  const auto member = node.require(key);
  return member ? member->as_string().value_or("") : std::string();
}

template <class Enum, class Table>
Enum require_name(const JsonNode& node, std::string_view key, const Table& table) {
  const auto member = node.require(key);
  return member ? read_name<Enum>(*member, table).value_or(Enum{}) : Enum{};
}

int require_int(const JsonNode& node, std::string_view key, int min, int max) {
  const auto member = node.require(key);
  return member ? static_cast<int>(member->as_int(min, max).value_or(min)) : min;
}

std::vector<HubStream> require_streams(const JsonNode& node) {
  std::vector<HubStream> streams;
  const auto list = node.require("streams");
  if (!list) return streams;
  list->each([&](const JsonNode& element) {
    const auto stream = read_name<HubStream>(element, kHubStreamNames);
    if (!stream) return;
    if (std::ranges::find(streams, *stream) != streams.end())
      element.complain("stream is there twice");
    else
      streams.push_back(*stream);
  });
  return streams;
}

HubRequest read_hello(const JsonNode& node) {
  node.only_members({"version", "type", "app", "role", "pid", "streams"});
  return HubHello{.app = require_text(node, "app"),
                  .role = require_name<Role>(node, "role", kRoleNames),
                  .pid = require_int(node, "pid", 1, INT32_MAX),
                  .streams = require_streams(node)};
}

HubRequest read_failed(const JsonNode& node) {
  node.only_members({"version", "type", "app", "role", "text", "exitCode"});
  return HubFailed{.app = require_text(node, "app"),
                   .role = require_name<Role>(node, "role", kRoleNames),
                   .text = require_text(node, "text"),
                   .exit_code = require_int(node, "exitCode", 0, 255)};
}

HubRequest read_ended(const JsonNode& node) {
  node.only_members({"version", "type", "app", "serviceResult", "exitCode", "exitStatus", "again"});
  const auto again = node.find("again");
  return HubEnded{.app = require_text(node, "app"),
                  .service_result = require_text(node, "serviceResult"),
                  .exit_code = require_text(node, "exitCode"),
                  .exit_status = require_text(node, "exitStatus"),
                  .again = again && again->as_bool().value_or(false)};
}

HubRequest read_stop(const JsonNode& node) {
  node.only_members({"version", "type"});
  return HubStop{};
}

HubRequest read_manager(const JsonNode& node) {
  node.only_members({"version", "type"});
  return HubManager{};
}

HubRequest read_admit(const JsonNode& node) {
  node.only_members({"version", "type", "app"});
  return HubAdmit{.app = require_text(node, "app")};
}

HubRequest read_steps(const JsonNode& node) {
  node.only_members({"version", "type", "spans"});
  HubSteps steps;
  const auto list = node.require("spans");
  if (!list) return steps;
  list->each([&](const JsonNode& span) {
    span.only_members({"name", "start", "end"});
    const auto time = [&](std::string_view key) {
      const auto member = span.require(key);
      return member ? static_cast<Nanoseconds>(member->as_uint(INT64_MAX).value_or(0)) : 0;
    };
    trace::Span read{.name = require_text(span, "name"), .start = time("start"), .end = time("end")};
    if (steps.spans.size() == kMostSteps) return list->complain("too many spans");
    if (read.end < read.start) return span.complain("it ends before it starts");
    steps.spans.push_back(std::move(read));
  });
  return steps;
}

HubReply read_admitted(const JsonNode& node) {
  node.only_members({"version", "type", "start"});
  const auto start = node.require("start");
  return HubAdmitted{.start = start && start->as_bool().value_or(false)};
}

HubReply read_streams(const JsonNode& node) {
  node.only_members({"version", "type", "streams", "sockets"});
  HubStreams reply{.streams = require_streams(node), .sockets = {}};
  if (const auto list = node.find("sockets"))
    list->each([&](const JsonNode& name) { reply.sockets.push_back(name.as_string().value_or("")); });
  return reply;
}

HubReply read_recorded(const JsonNode& node) {
  node.only_members({"version", "type"});
  return HubRecorded{};
}

HubReply read_refused(const JsonNode& node) {
  node.only_members({"version", "type", "text"});
  return HubRefused{.text = require_text(node, "text")};
}

template <class Message>
struct TypeRow {
  std::string_view name;
  Message (*read)(const JsonNode&);
};

constexpr std::array kRequests = {
    TypeRow<HubRequest>{"admit", read_admit},     TypeRow<HubRequest>{"ended", read_ended},
    TypeRow<HubRequest>{"failed", read_failed},   TypeRow<HubRequest>{"hello", read_hello},
    TypeRow<HubRequest>{"manager", read_manager}, TypeRow<HubRequest>{"steps", read_steps},
    TypeRow<HubRequest>{"stop", read_stop},
};
constexpr std::array kReplies = {
    TypeRow<HubReply>{"admitted", read_admitted},
    TypeRow<HubReply>{"recorded", read_recorded},
    TypeRow<HubReply>{"refused", read_refused},
    TypeRow<HubReply>{"streams", read_streams},
};
static_assert(sorted_by_name(kRequests) && sorted_by_name(kReplies));

template <class Message, class Table>
Result<Message> parse(std::string_view bytes, const Table& table, const char* document) {
  if (bytes.size() > kMaxHubMessage)
    return fail(ErrorKind::kInvalidInput, "{} of {} bytes is too long", document, bytes.size());
  const Json json = TRY_CTX(json_text::parse(bytes), "{}", document);
  JsonProblems problems(document);
  const JsonNode node(json, problems);
  (void)require_int(node, "version", kVersion, kVersion);
  const std::string type = require_text(node, "type");
  TRY(problems.to_result());
  const auto* row = find_by_name(table, type);
  if (row == nullptr)
    return fail(ErrorKind::kInvalidInput, "{}: unknown type '{}'", document, printable(type));
  Message read = row->read(node);
  TRY(problems.to_result());
  return read;
}

}  // namespace

std::string_view to_string(Role role) { return name_in(kRoleNames, role); }
std::string_view to_string(HubStream stream) { return name_in(kHubStreamNames, stream); }

std::string render_hub_request(const HubRequest& request) { return render(request); }
std::string render_hub_reply(const HubReply& reply) { return render(reply); }

Result<HubRequest> parse_hub_request(std::string_view bytes) {
  return parse<HubRequest>(bytes, kRequests, "hub request");
}

Result<HubReply> parse_hub_reply(std::string_view bytes) {
  return parse<HubReply>(bytes, kReplies, "hub reply");
}

}  // namespace agena::stage2
