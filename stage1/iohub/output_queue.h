// Bytes on their way to a descriptor that may be slow (a pipe, a terminal), without blocking the loop and
// without O_NONBLOCK, which would change the open file of the caller's shell too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/event_loop.h"

namespace agena::stage1 {

class OutputQueue {
 public:
  // `fd` must outlive the queue. `on_space` is called when a queue that was full has room again.
  OutputQueue(sys::EventLoop& loop, int fd, std::function<Result<>()> on_space);
  ~OutputQueue();
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  // Writes at once what can be written without waiting, and queues the rest. A reader that is gone (EPIPE)
  // makes the queue swallow everything: the apps go on.
  Result<> push(std::string_view bytes);
  bool empty() const { return waiting().empty(); }
  // Whether producers should stop until on_space.
  bool full() const { return waiting().size() > kHighWater; }
  // How long flush() waits for a reader.
  struct Patience {
    int hurry = -1;                 // a second more once there is something to read from it; -1: nothing
    Nanoseconds until = INT64_MAX;  // by the monotonic clock
  };
  static constexpr Nanoseconds kHurry = kSecond;
  // Writes everything that is queued; what is not read in time is dropped.
  Result<> flush(Patience patience);
  // Forgets what is queued, and all that comes: nobody is waited for any more.
  Result<> drop();

 private:
  static constexpr std::size_t kHighWater = 1U << 20U;
  static constexpr std::size_t kLowWater = kHighWater / 2;
  // How the descriptor is written to without waiting.
  enum class Way { kWhole, kNoWait, kSmallPieces };

  std::string_view waiting() const { return std::string_view(queue_).substr(head_); }
  std::size_t write_now(std::string_view bytes);
  ssize_t write_piece(std::string_view bytes);
  void drop_head(std::size_t count);
  Result<> on_writable();
  Result<> watch();

  sys::EventLoop& loop_;
  int fd_;
  std::function<Result<>()> on_space_;
  Way way_;
  std::string queue_;
  std::size_t head_ = 0;  // of the queue, what has been written
  bool told_full_ = false;
  bool watched_ = false;
  bool broken_ = false;
};

}  // namespace agena::stage1
