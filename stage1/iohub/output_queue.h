// Bytes on their way to a descriptor that may be slow (a pipe, a terminal), without blocking the loop and
// without O_NONBLOCK, which would change the open file of the caller's shell too.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/event_loop.h"

namespace agena::stage1 {

class OutputQueue {
 public:
  // `fd` must outlive the queue. `on_space` is called when a full queue has room again.
  OutputQueue(sys::EventLoop& loop, int fd, std::function<Result<>()> on_space);
  ~OutputQueue();
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  // Writes at once what can be written without waiting, and queues the rest. A reader that is gone (EPIPE)
  // makes the queue swallow everything: the apps go on.
  Result<> push(std::string_view bytes);
  bool empty() const { return queue_.empty(); }
  // Whether producers should stop until on_space.
  bool full() const { return queue_.size() > kHighWater; }
  // Writes everything that is queued, waiting as long as it takes.
  Result<> flush();

 private:
  static constexpr std::size_t kHighWater = 1U << 20U;

  Result<> write_some(bool wait);
  Result<> watch(bool on);

  sys::EventLoop& loop_;
  int fd_;
  std::function<Result<>()> on_space_;
  std::string queue_;
  bool watched_ = false;
  bool broken_ = false;
};

}  // namespace agena::stage1
