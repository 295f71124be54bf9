// Bytes on their way to the standard input of an app, from whoever is attached.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

class AppInput {
 public:
  // `on_space` is called when an input that was full has room again.
  AppInput(sys::EventLoop& loop, std::function<Result<>()> on_space);
  ~AppInput();
  AppInput(const AppInput&) = delete;
  AppInput& operator=(const AppInput&) = delete;

  // What a program that starts now reads from the other end of: a pipe, or the master of a terminal;
  // non-blocking. What was queued before goes there.
  Result<> connect(sys::UniqueFd fd);
  // Queues bytes; what comes after close() is dropped.
  Result<> push(std::string_view bytes);
  // End of file, once everything queued is read. For good: a program that starts later finds its input ended.
  Result<> close();
  // For a new run of the app: what was meant for the last one is dropped, and the input is open again.
  void renew();
  bool closed() const { return closing_; }
  // Whether the sender should wait for on_space.
  bool full() const { return queue_.size() >= kHighWater; }

 private:
  static constexpr std::size_t kHighWater = 64U << 10U;

  Result<> write_some();
  void disconnect();
  Result<> watch(bool on);

  sys::EventLoop& loop_;
  std::function<Result<>()> on_space_;
  sys::UniqueFd fd_;
  std::string queue_;
  bool watched_ = false;
  bool closing_ = false;
};

}  // namespace agena::stage1
