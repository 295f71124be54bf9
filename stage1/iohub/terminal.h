// The terminal of an interactive app: a pseudo-terminal in the pod, joined to the caller's standard streams.
// Neither an app that does not read nor a caller who does not keeps the supervisor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/tty.h"
#include "stage1/iohub/app_input.h"
#include "stage1/iohub/output_queue.h"

namespace agena::stage1 {

class Terminal {
 public:
  // `devpts` is the pod's; `hang_up` is called when ^] was typed three times within a second, `closed` when
  // the app's side is closed and everything is read.
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
  // When the pod's processes are gone: takes what they have written, whoever else holds the app's side open.
  Result<> finish();
  // Writes what is queued for the caller.
  Result<> flush(OutputQueue::Patience patience) { return output_.flush(patience); }
  // Waits for the caller no more.
  Result<> drop_output() { return output_.drop(); }

 private:
  Terminal(sys::EventLoop& loop, sys::PseudoTerminal pty, sys::UniqueFd out,
           std::function<Result<>()> hang_up, std::function<Result<>()> on_closed);
  Result<> start();
  Result<> on_input();
  Result<> on_output();
  Result<bool> read_output();
  Result<> read_input(bool on);
  Result<> read_file();
  Result<> more_input();
  Result<> close();
  bool is_hang_up(std::string_view typed);

  sys::EventLoop& loop_;
  sys::PseudoTerminal pty_;
  std::function<Result<>()> hang_up_;
  std::function<Result<>()> on_closed_;
  AppInput input_;
  sys::UniqueFd stdout_;  // ours, since the hub may watch the other one
  OutputQueue output_;
  std::optional<sys::RawMode> raw_;
  bool pollable_ = true;  // stdin; a regular file is always ready and cannot be watched
  bool input_ended_ = false;
  bool reading_file_ = false;
  std::size_t beyond_ = 0;  // what was typed while the input was full
  bool reads_input_ = false;
  bool closed_ = false;
  int escapes_ = 0;
  Nanoseconds first_escape_ = 0;
};

}  // namespace agena::stage1
