// A single-threaded epoll loop: descriptors with callbacks, timers, and one deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::sys {

class EventLoop {
 public:
  // Called with the EPOLL* events that are pending. An error ends the loop.
  using Callback = std::function<Result<>(std::uint32_t events)>;

  static Result<EventLoop> create();

  // Watches a descriptor (level-triggered). It must be removed before it is closed.
  Result<> add(int fd, std::uint32_t events, Callback callback);
  // Changes the events waited for.
  Result<> change(int fd, std::uint32_t events);
  void remove(int fd);

  // Calls `callback` once when the monotonic clock reaches the time; replaces an earlier deadline.
  void set_deadline(Nanoseconds monotonic, std::function<Result<>()> callback);
  void clear_deadline() { deadline_.reset(); }

  // Timers, any number: `callback` is called once when the monotonic clock reaches the time. The id is never
  // 0.
  using TimerId = std::uint64_t;
  TimerId add_timer(Nanoseconds monotonic, std::function<Result<>()> callback);
  // Forgets a timer; one that has fired, or 0, is fine.
  void remove_timer(TimerId id) { timers_.erase(id); }

  // Waits for events and handles them, until quit() was called.
  Result<> run();
  void quit() { quit_ = true; }

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  Result<> fire_deadline();
  Result<> fire_timers();
  std::optional<Nanoseconds> next_time() const;
  int timeout_ms() const;

  struct Deadline {
    Nanoseconds at;
    std::function<Result<>()> callback;
  };
  UniqueFd epoll_;
  // Shared, so that a callback may remove itself while it runs.
  std::map<int, std::shared_ptr<Callback>> callbacks_;
  std::optional<Deadline> deadline_;
  std::map<TimerId, Deadline> timers_;
  TimerId last_timer_ = 0;
  bool quit_ = false;
};

}  // namespace agena::sys
