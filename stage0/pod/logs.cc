#include "stage0/pod/logs.h"

#include <sys/inotify.h>

#include <algorithm>
#include <deque>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/mutable_pod.h"
#include "stage0/pod/pod_watch.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// Fly's apps have the caller's streams, and nobody in between could keep anything.
Result<> refuse_fly(const Pod& pod) {
  const auto flavor = sys::read_link(pod.dir(), paths::kFlavor);
  if (!flavor || *flavor != "fly") return {};
  return fail(ErrorKind::kUnsupported,
              "pod \"{}\" keeps no log: apps of the fly flavour write to the streams of whoever started them",
              pod.uuid().str());
}

class LogMerge {
 public:
  LogMerge(const Pod& pod, const LogRequest& request, const LogReceiver& receiver)
      : pod_(pod), request_(request), receiver_(receiver), tail_(request.tail) {}

  // Also reads the logs of these apps, from their beginning, unless it does so already.
  void add(const std::vector<std::string>& apps) {
    for (const std::string& app : apps)
      if (std::ranges::none_of(readers_, [&](const LogReader& reader) { return reader.app() == app; }))
        readers_.emplace_back(pod_.dir(), app);
  }

  // Gives everything that is there now.
  Result<> catch_up() {
    for (LogReader& reader : readers_)
      if (reader.line() == nullptr) TRY(reader.advance());
    for (LogReader* reader = earliest(); reader != nullptr; reader = earliest()) {
      TRY(give(*reader));
      TRY(reader->advance());
      if (reader->take_gap()) receiver_.gap(reader->app());
    }
    return {};
  }

  // The lines that nobody ended.
  Result<> finish() {
    for (LogReader& reader : readers_)
      for (reader.finish(); reader.line() != nullptr; reader.finish()) TRY(give(reader));
    return {};
  }

  // With `tail`, the first round only collects; what comes later is given at once.
  Result<> end_first_round() {
    for (const Kept& kept : kept_) TRY(receiver_.line(*kept.app, kept.as_line()));
    kept_.clear();
    tail_.reset();
    return {};
  }

 private:
  struct Kept {
    const std::string* app;
    LogLine line;
    std::string text;
    LogLine as_line() const { return {line.time, line.stream, line.complete, text}; }
  };

  LogReader* earliest() {
    LogReader* first = nullptr;
    for (LogReader& reader : readers_)
      if (reader.line() != nullptr && (first == nullptr || reader.line()->time < first->line()->time))
        first = &reader;
    return first;
  }

  Result<> give(const LogReader& reader) {
    const LogLine& line = *reader.line();
    if ((request_.since && line.time < *request_.since) || (request_.until && line.time > *request_.until))
      return {};
    if (!tail_) return receiver_.line(reader.app(), line);
    if (*tail_ == 0) return {};
    if (kept_.size() >= *tail_) kept_.pop_front();
    kept_.push_back({&reader.app(), line, std::string(line.text)});
    return {};
  }

  const Pod& pod_;
  const LogRequest& request_;
  const LogReceiver& receiver_;
  std::optional<std::uint64_t> tail_;
  std::deque<LogReader> readers_;
  std::deque<Kept> kept_;
};

Result<bool> is_running(Pod& pod) {
  const auto state = pod.state();
  if (!state && state.error().kind() == ErrorKind::kNotFound) return false;  // deleted meanwhile
  if (!state) return std::unexpected(state.error());
  return *state == PodState::kRunning || *state == PodState::kPreparing;
}

// Waits for writers and for the pod's end. The log directory appears with the first line.
class LogWatch {
 public:
  explicit LogWatch(const Pod& pod) : pod_(pod), watch_({pod.dir().get()}) { look_for_logs(); }

  Result<> wait(const LogRequest& request) {
    look_for_logs();
    std::optional<Nanoseconds> left;
    if (request.until) left = std::max<Nanoseconds>(0, *request.until - now());
    TRY(watch_.wait(WaitLimit(left)));
    return {};
  }

 private:
  void look_for_logs() {
    if (logs_) return;
    auto logs = sys::open_dir(pod_.dir(), paths::kLogs, O_NOFOLLOW);
    if (!logs) return;
    logs_ = std::move(*logs);
    watch_.add(logs_.get(), IN_MODIFY);
  }

  const Pod& pod_;
  PodWatch watch_;
  sys::DirFd logs_;
};

// Apps that have log files, whatever the manifest says. A file put aside has a number behind its ending.
Result<> add_removed_apps(const Pod& pod, std::vector<std::string>& names) {
  constexpr std::string_view kEnding = ".log";
  auto files = sys::list_dir(pod.dir(), paths::kLogs);
  if (!files && files.error().sys_errno() == ENOENT) return {};
  if (!files) return std::unexpected(std::move(files).error());
  std::ranges::sort(*files);
  for (const std::string& file : *files) {
    if (!file.ends_with(kEnding)) continue;
    std::string app = file.substr(0, file.size() - kEnding.size());
    if (schema::AcName::parse(app) && std::ranges::find(names, app) == names.end())
      names.push_back(std::move(app));
  }
  return {};
}

}  // namespace

Result<LoggedApps> logged_apps(const Pod& pod, const LogRequest& request) {
  TRY(refuse_fly(pod));
  const auto manifest = TRY(read_pod_manifest(pod));
  LoggedApps apps{.names = {}, .may_grow = is_mutable_pod(manifest) && request.app.empty()};
  for (const schema::RuntimeApp& app : manifest.apps) apps.names.push_back(app.name.str());
  if (is_mutable_pod(manifest)) TRY(add_removed_apps(pod, apps.names));
  if (request.app.empty()) return apps;
  if (std::ranges::find(apps.names, request.app) != apps.names.end())
    return LoggedApps{.names = {request.app}};
  return std::unexpected(no_such_app(request.app, apps.names));
}

Result<> read_logs(Pod& pod, const LogRequest& request, const LogReceiver& receiver) {
  LoggedApps apps = TRY(logged_apps(pod, request));
  LogMerge merge(pod, request, receiver);
  std::optional<LogWatch> watch;
  if (request.follow) watch.emplace(pod);
  for (bool first = true;; first = false) {
    // Asked before the look at the files: what is written after an end does not exist.
    const bool more = request.follow && TRY(is_running(pod)) && (!request.until || now() < *request.until);
    if (apps.may_grow && !first) {
      // Not for ever: the pod may be deleted by now.
      if (auto now = logged_apps(pod, request)) apps = *std::move(now);
    }
    merge.add(apps.names);
    TRY(merge.catch_up());
    if (!more) TRY(merge.finish());
    if (first) TRY(merge.end_first_round());
    TRY(receiver.pause());
    if (!more) return {};
    TRY(watch->wait(request));
  }
}

}  // namespace agena::stage0
