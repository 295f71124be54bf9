#include "common/base/trace.h"

#include <unistd.h>

#include <array>
#include <atomic>

#include <fmt/core.h>

#include "common/base/strings.h"

namespace agena::trace {
namespace {

// An app that is started again and again must not fill a disk.
constexpr int kMostEvents = 10'000;

constexpr std::array<std::string_view, 7> kLanes = {"",        "stage0", "stage1 run", "stage1 pod-init",
                                                    "systemd", "stage2", "app"};

std::string_view name_of(Lane lane) { return kLanes.at(static_cast<std::size_t>(lane)); }

struct State {
  std::atomic<int> fd = -1;
  std::atomic<int> events = 0;
  Row own = {.pid = 0, .lane = Lane::kStage0};
};

State& state() {
  static State instance;
  return instance;
}

// JSON text of a name.
std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : printable(name)) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

// The format's unit is the microsecond.
std::string microseconds(Nanoseconds time) { return fmt::format("{}.{:03}", time / 1000, time % 1000); }

std::string render(const Row& row, char phase, const std::string& members) {
  return fmt::format(R"({{"ph":"{}","pid":{},"tid":{},"cat":"{}",{}}},)"
                     "\n",
                     phase, row.pid, static_cast<int>(row.lane), name_of(row.lane), members);
}

std::string render_at(const Row& row, char phase, std::string_view name, Nanoseconds at,
                      std::string_view more = {}) {
  return render(row, phase, fmt::format(R"("name":{},"ts":{}{})", quoted(name), microseconds(at), more));
}

// Threads beside the main one have rows of their own, or their spans would cross those of others.
std::string of_this_thread(const std::string& event) {
  const pid_t thread = ::gettid();
  if (thread == ::getpid()) return event;
  const std::string lane = fmt::format(R"("tid":{},)", static_cast<int>(state().own.lane));
  std::string moved = event;
  if (const auto at = moved.find(lane); at != std::string::npos)
    moved.replace(at, lane.size(), fmt::format(R"("tid":{},)", thread));
  return moved;
}

void write(std::string_view text) {
  const int fd = state().fd;
  if (fd < 0) return;
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) state().fd = -1;
}

}  // namespace

std::string render_span(const Row& row, const Span& span) {
  return render_at(row, 'X', span.name, span.start,
                   fmt::format(R"(,"dur":{})", microseconds(span.end - span.start)));
}

std::string render_instant(const Row& row, std::string_view name, Nanoseconds at) {
  return render_at(row, 'i', name, at, R"(,"s":"t")");
}

std::string render_begin(const Row& row, std::string_view name, Nanoseconds at) {
  return render_at(row, 'B', name, at);
}

std::string render_end(const Row& row, Nanoseconds at) {
  return render(row, 'E', fmt::format(R"("ts":{})", microseconds(at)));
}

std::string render_names(const Row& row, std::string_view process) {
  const auto names = [&](std::string_view kind, std::string_view name) {
    return render(row, 'M', fmt::format(R"("name":"{}","args":{{"name":{}}})", kind, quoted(name)));
  };
  return (process.empty() ? "" : names("process_name", process)) + names("thread_name", name_of(row.lane));
}

void start(int fd, const Row& own, std::string_view process) {
  state().own = own;
  state().events = 0;
  state().fd = fd;
  append(render_names(own, process));
}

bool enabled() { return state().fd >= 0; }
int descriptor() { return state().fd; }
Row own_row() { return state().own; }

void finish() {
  if (!enabled()) return;
  const std::string last = render_instant(own_row(), "end of the trace", monotonic_now());
  // Without the comma that another event would follow.
  write(last.substr(0, last.size() - 2) + "\n]\n");
  state().fd = -1;
}

void append(std::string_view events) {
  if (!enabled()) return;
  if (++state().events > kMostEvents) return;
  write(events);
}

void span(std::string_view name, Nanoseconds start, Nanoseconds end) {
  if (enabled()) append(of_this_thread(render_span(own_row(), {std::string(name), start, end})));
}

void instant(std::string_view name) {
  if (enabled()) append(of_this_thread(render_instant(own_row(), name, monotonic_now())));
}

void Scope::end() const {
  const Nanoseconds now = monotonic_now();
  span(whose_.empty() ? std::string(what_) : fmt::format("{} '{}'", what_, whose_), start_, now);
}

}  // namespace agena::trace
