#include "stage0/pod/logs.h"

#include <sys/inotify.h>

#include <algorithm>
#include <deque>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
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
  LogMerge(const Pod& pod, const std::vector<std::string>& apps, const LogRequest& request,
           const LogReceiver& receiver)
      : request_(request), receiver_(receiver), tail_(request.tail) {
    for (const std::string& app : apps) readers_.emplace_back(pod.dir(), app);
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

}  // namespace

Result<std::vector<std::string>> logged_apps(const Pod& pod, const LogRequest& request) {
  TRY(refuse_fly(pod));
  const auto manifest = TRY(codec::parse_pod_manifest(TRY(sys::read_file(pod.dir(), paths::kManifest))));
  std::vector<std::string> names;
  for (const schema::RuntimeApp& app : manifest.apps) names.push_back(app.name.str());
  if (request.app.empty()) return names;
  if (std::ranges::find(names, request.app) != names.end()) return std::vector{request.app};
  return fail(ErrorKind::kInvalidInput, "the pod has no app '{}', only {}", printable(request.app),
              join(names, ", "));
}

Result<> read_logs(Pod& pod, const LogRequest& request, const LogReceiver& receiver) {
  const auto apps = TRY(logged_apps(pod, request));
  LogMerge merge(pod, apps, request, receiver);
  std::optional<LogWatch> watch;
  if (request.follow) watch.emplace(pod);
  for (bool first = true;; first = false) {
    // Asked before the look at the files: what is written after an end does not exist.
    const bool more = request.follow && TRY(is_running(pod)) && (!request.until || now() < *request.until);
    TRY(merge.catch_up());
    if (!more) TRY(merge.finish());
    if (first) TRY(merge.end_first_round());
    TRY(receiver.pause());
    if (!more) return {};
    TRY(watch->wait(request));
  }
}

}  // namespace agena::stage0
