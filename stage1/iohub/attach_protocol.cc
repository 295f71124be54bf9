#include "stage1/iohub/attach_protocol.h"

#include <signal.h>

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

constexpr int kVersion = 1;

struct StreamRow {
  std::string_view name;
  AttachStream value;
};
constexpr std::array kStreams = {
    StreamRow{"stderr", AttachStream::kStderr},  StreamRow{"stdin", AttachStream::kStdin},
    StreamRow{"stdout", AttachStream::kStdout},  StreamRow{"tty-in", AttachStream::kTtyIn},
    StreamRow{"tty-out", AttachStream::kTtyOut},
};
static_assert(sorted_by_name(kStreams));

constexpr std::array kKinds = {AttachKind::kOpen,    AttachKind::kInput,  AttachKind::kEndOfInput,
                               AttachKind::kWindow,  AttachKind::kSignal, AttachKind::kOpened,
                               AttachKind::kRefused, AttachKind::kOutput, AttachKind::kErrors,
                               AttachKind::kEnded,   AttachKind::kDropped};

constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

void read_stream(const JsonNode& element, std::vector<AttachStream>& streams) {
  const auto name = element.as_string();
  if (!name) return;
  const StreamRow* row = find_by_name(kStreams, *name);
  if (row == nullptr)
    element.complain(fmt::format("unknown stream '{}'", printable(*name)));
  else if (std::ranges::find(streams, row->value) != streams.end())
    element.complain("stream is there twice");
  else
    streams.push_back(row->value);
}

}  // namespace

std::string_view name_of(AttachStream stream) {
  const StreamRow* row = find_by_value(kStreams, stream);
  return row == nullptr ? std::string_view() : row->name;
}

Result<AttachMessage> read_attach_message(std::string_view bytes) {
  if (bytes.empty()) return fail(ErrorKind::kInvalidInput, "attach: empty message");
  const auto kind = static_cast<AttachKind>(bytes.front());
  if (std::ranges::find(kKinds, kind) == kKinds.end())
    return fail(ErrorKind::kInvalidInput, "attach: unknown message '{}'", printable(bytes.substr(0, 1)));
  return AttachMessage{kind, bytes.substr(1)};
}

std::string attach_message(AttachKind kind, std::string_view data) {
  std::string bytes(1, static_cast<char>(kind));
  bytes.append(data);
  return bytes;
}

std::string render_attach_streams(const AttachStreams& streams) {
  Json list = Json::array();
  for (const AttachStream stream : streams.streams) list.push_back(name_of(stream));
  // Names of apps are ASCII; dump() refuses only what is not UTF-8.
  return json_text::dump({{"version", kVersion}, {"app", printable(streams.app)}, {"streams", list}})
      .value_or(std::string());
}

Result<AttachStreams> parse_attach_streams(std::string_view text) {
  const Json json = TRY_CTX(json_text::parse(text), "attach");
  JsonProblems problems("attach");
  const JsonNode node(json, problems);
  node.only_members({"version", "app", "streams"});
  if (const auto version = node.require("version")) (void)version->as_int(kVersion, kVersion);
  AttachStreams streams;
  if (const auto app = node.require("app")) streams.app = app->as_string().value_or("");
  if (const auto list = node.require("streams"))
    list->each([&](const JsonNode& element) { read_stream(element, streams.streams); });
  TRY(problems.to_result());
  return streams;
}

std::string render_attach_window(const AttachWindow& window) {
  std::string bytes;
  for (const unsigned value : {unsigned{window.rows}, unsigned{window.columns}}) {
    bytes.push_back(static_cast<char>(value >> 8U));
    bytes.push_back(static_cast<char>(value & 0xFFU));
  }
  return bytes;
}

Result<AttachWindow> parse_attach_window(std::string_view bytes) {
  if (bytes.size() != 4)
    return fail(ErrorKind::kInvalidInput, "attach: window size of {} bytes", bytes.size());
  const auto at = [&](std::size_t i) { return unsigned{static_cast<unsigned char>(bytes[i])}; };
  return AttachWindow{static_cast<std::uint16_t>(at(0) << 8U | at(1)),
                      static_cast<std::uint16_t>(at(2) << 8U | at(3))};
}

Result<int> parse_attach_signal(std::string_view bytes) {
  const int signal = bytes.size() == 1 ? static_cast<unsigned char>(bytes.front()) : 0;
  if (std::ranges::find(kSignals, signal) == kSignals.end())
    return fail(ErrorKind::kInvalidInput, "attach: no signal that may be passed on");
  return signal;
}

}  // namespace agena::stage1
