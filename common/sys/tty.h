// Terminals: controlling terminal, raw mode, window size.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

bool is_terminal(int fd);

// Makes the terminal the controlling one of the calling process, which becomes (or already is) the leader of
// a session; a terminal that another session holds is taken from it only with CAP_SYS_ADMIN.
Result<> take_controlling_terminal(int fd);

// Rows and columns.
Result<winsize> window_size(int fd);
Result<> set_window_size(int fd, const winsize& size);

// A new pseudo-terminal of a devpts file system, given as its directory ("/dev/pts" of whichever namespace).
struct PseudoTerminal {
  UniqueFd master;
  UniqueFd slave;
  int number = 0;  // "pts/<number>"
};
Result<PseudoTerminal> open_pseudo_terminal(DirRef devpts);

// Terminal in raw mode for as long as it lives; the destructor puts the old mode back.
class RawMode {
 public:
  // The descriptor must stay open; it is not taken over.
  static Result<RawMode> enter(int fd);
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  ~RawMode();

 private:
  RawMode(int fd, const termios& saved) : fd_(fd), saved_(saved) {}
  int fd_;
  termios saved_;
};

}  // namespace agena::sys
