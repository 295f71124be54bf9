// `logs`: print what the apps of a pod have written.
#include <unistd.h>

#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "common/sys/fs.h"
#include "common/sys/tty.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/log_text.h"
#include "stage0/pod/logs.h"

namespace agena::stage0 {
namespace {

// A point in time: RFC 3339, a date, seconds since 1970, or how long ago.
Result<Nanoseconds> parse_moment(std::string_view text) {
  if (const auto time = parse_rfc3339(text)) return *time;
  if (const auto day = parse_rfc3339(std::string(text) + "T00:00:00Z")) return *day;
  constexpr std::size_t kUnixDigits = 9;
  constexpr std::int64_t kMostSeconds = INT64_MAX / kSecond;
  if (const auto seconds = parse_int(text, 0, kMostSeconds); seconds && text.size() >= kUnixDigits)
    return *seconds * kSecond;
  const auto ago = parse_duration(text);
  if (ago) return now() - *ago;
  return fail(ErrorKind::kInvalidInput,
              "'{}' is neither a time (2026-01-02T15:04:05Z, 2026-01-02) nor a duration (10m)",
              printable(text));
}

Result<std::optional<Nanoseconds>> read_moment(const ParsedArgs& args, const Option& option) {
  if (!args.has(option)) return std::optional<Nanoseconds>();
  return std::optional(TRY_CTX(parse_moment(args.text(option)), "--{}", option.name));
}

Result<LogRequest> read_request(const ParsedArgs& args) {
  LogRequest request;
  request.app = args.text(kLogApp);
  request.follow = args.flag(kFollow);
  request.since = TRY(read_moment(args, kSince));
  request.until = TRY(read_moment(args, kUntil));
  const std::string_view tail = args.text(kTail, kTail.initial);
  if (tail != kTail.initial) request.tail = TRY_CTX(parse_uint(tail), "--{}", kTail.name);
  return request;
}

// Collects lines, so that not each takes a system call; in the order of both streams together.
class Printer {
 public:
  explicit Printer(LogStyle style) : style_(style) {}

  Result<> add(const std::string& app, const LogLine& line) {
    const int fd = line.stream == LogStream::kStderr && !style_.json ? STDERR_FILENO : STDOUT_FILENO;
    if (fd != fd_) TRY(flush());
    fd_ = fd;
    bytes_ += TRY(log_text(app, line, style_));
    return bytes_.size() < kEnough ? Result<>() : flush();
  }

  Result<> flush() {
    TRY_CTX(sys::write_all(fd_, bytes_), "writing to standard {}", fd_ == STDOUT_FILENO ? "output" : "error");
    bytes_.clear();
    return {};
  }

 private:
  static constexpr std::size_t kEnough = 64U << 10U;
  LogStyle style_;
  int fd_ = STDOUT_FILENO;
  std::string bytes_;
};

}  // namespace

Result<int> cmd_logs(const Invocation& call) {
  const LogRequest request = TRY(read_request(call.args));
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(find_pod(pods, call.args.arguments.front()));
  const auto apps = TRY(logged_apps(pod, request));
  const bool terminal = sys::is_terminal(STDOUT_FILENO) || sys::is_terminal(STDERR_FILENO);
  Printer printer({.timestamps = call.args.flag(kTimestamps),
                   .app_names = apps.names.size() > 1 || apps.may_grow,
                   .json = !call.args.text(kLogFormat).empty(),
                   .safe = terminal && !call.args.flag(kRaw)});
  const LogReceiver receiver = {
      .line = [&](const std::string& app, const LogLine& line) { return printer.add(app, line); },
      .pause = [&] { return printer.flush(); },
      .gap =
          [](const std::string& app) {
            log::warning("lines of app '{}' are missing: their files were deleted before they could be read",
                         app);
          },
  };
  TRY(read_logs(pod, request, receiver));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
