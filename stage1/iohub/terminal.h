// The terminal of an interactive app: a pseudo-terminal in the pod, joined to the caller's standard streams.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/tty.h"

namespace agena::stage1 {

class Terminal {
 public:
  // `devpts` is the pod's; `hang_up` is called when ^] was typed three times within a second, `closed` when
  // the app's side is closed and everything is written.
  static Result<std::unique_ptr<Terminal>> open(sys::EventLoop& loop, const sys::DirFd& devpts,
                                                std::function<Result<>()> hang_up,
                                                std::function<Result<>()> closed);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // The app's side; hand it over once.
  sys::UniqueFd take_slave() { return std::move(pty_.slave); }
  // Copies the size of the caller's window (SIGWINCH).
  void copy_window_size();
  bool closed() const { return closed_; }

 private:
  Terminal(sys::EventLoop& loop, sys::PseudoTerminal pty, std::function<Result<>()> hang_up,
           std::function<Result<>()> on_closed);
  Result<> start();
  Result<> on_input();
  Result<> on_output();
  bool is_hang_up(std::string_view typed);

  sys::EventLoop& loop_;
  sys::PseudoTerminal pty_;
  std::function<Result<>()> hang_up_;
  std::function<Result<>()> on_closed_;
  std::optional<sys::RawMode> raw_;
  bool reads_input_ = false;
  bool closed_ = false;
  int escapes_ = 0;
  Nanoseconds first_escape_ = 0;
};

}  // namespace agena::stage1
