// The trace of a pod's start (`run --trace`): what each stage does and when, as events of the Chrome trace
// format, a line each. All processes append to one file through a descriptor that they were given; a file
// that was cut anywhere behind a line is a trace still. Off unless started: then a scope costs a branch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace agena::trace {

// Whose doing an event is; rows of one process are shown below each other in this order.
enum class Lane { kStage0 = 1, kStage1, kPodInit, kSystemd, kStage2, kApp };

// Where an event is shown: a process, by its number on the host, and a part of its life.
struct Row {
  std::int64_t pid;
  Lane lane;
};

// Something that took time; CLOCK_MONOTONIC.
struct Span {
  std::string name;
  Nanoseconds start = 0;
  Nanoseconds end = 0;
  bool operator==(const Span&) const = default;
};

// Starts a file's text. The list that it begins may stay open.
inline constexpr std::string_view kHead = "[\n";

// Events as text, a line each.
std::string render_span(const Row& row, const Span& span);
std::string render_instant(const Row& row, std::string_view name, Nanoseconds at);
// What lasts until somebody, maybe another process, says that it is over.
std::string render_begin(const Row& row, std::string_view name, Nanoseconds at);
std::string render_end(const Row& row, Nanoseconds at);
// Names of the process and of the lane.
std::string render_names(const Row& row, std::string_view process);

// From here on this process writes its events to the descriptor, which was opened with O_APPEND and stays
// open (close-on-exec is the caller's duty). `own` is its row. `process` names it; empty: it has its name
// already.
void start(int fd, const Row& own, std::string_view process);
bool enabled();
// The descriptor, or -1.
int descriptor();
// The row that was told to start().
Row own_row();
// Closes the list: of all processes of the pod this is the last that writes. The trace is off then.
void finish();

// All of them do nothing if the trace is off. A write that fails turns it off: a trace is no reason to fail.
void span(std::string_view name, Nanoseconds start, Nanoseconds end);
void instant(std::string_view name);
// Text of the render functions, for events of other rows.
void append(std::string_view events);

// A span from here to the end of the block: "mount root of app 'a'". The texts must outlive it.
class Scope {
 public:
  explicit Scope(std::string_view what, std::string_view whose = {}) {
    if (!enabled()) return;
    what_ = what;
    whose_ = whose;
    start_ = monotonic_now();
  }
  ~Scope() {
    if (start_ != 0) end();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  void end() const;
  std::string_view what_;
  std::string_view whose_;
  Nanoseconds start_ = 0;
};

}  // namespace agena::trace
