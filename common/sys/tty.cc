#include "common/sys/tty.h"

#include <unistd.h>

#include <utility>

namespace agena::sys {

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

Result<> take_controlling_terminal(int fd) {
  // EPERM: the process leads its group already; fine if it leads its session as well.
  if (::setsid() < 0 && ::getsid(0) != ::getpid()) return sys_fail("starting a session");
  if (::ioctl(fd, TIOCSCTTY, 0) != 0 && ::ioctl(fd, TIOCSCTTY, 1) != 0)
    return sys_fail("making a terminal the controlling one");
  return {};
}

Result<winsize> window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return sys_fail("reading the window size of a terminal");
  return size;
}

Result<> set_window_size(int fd, const winsize& size) {
  if (::ioctl(fd, TIOCSWINSZ, &size) != 0) return sys_fail("setting the window size of a terminal");
  return {};
}

Result<PseudoTerminal> open_pseudo_terminal(DirRef devpts) {
  PseudoTerminal terminal;
  // Through the instance's own ptmx: /dev/ptmx may belong to another one.
  terminal.master = TRY(open_at(devpts, "ptmx", O_RDWR | O_NOCTTY));
  const int unlock = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &unlock) != 0)
    return sys_fail("unlocking a pseudo-terminal");
  if (::ioctl(terminal.master.get(), TIOCGPTN, &terminal.number) != 0)
    return sys_fail("reading the number of a pseudo-terminal");
  // TIOCGPTPEER needs no path, which might be mounted over.
  terminal.slave = UniqueFd(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return sys_fail("opening pseudo-terminal {}", terminal.number);
  return terminal;
}

Result<RawMode> RawMode::enter(int fd) {
  termios saved{};
  if (::tcgetattr(fd, &saved) != 0) return sys_fail("reading the mode of a terminal");
  termios raw = saved;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) return sys_fail("setting a terminal to raw mode");
  return RawMode(fd, saved);
}

RawMode::RawMode(RawMode&& other) noexcept : fd_(std::exchange(other.fd_, -1)), saved_(other.saved_) {}

RawMode::~RawMode() {
  // Nothing can be done about a terminal that is gone.
  if (fd_ >= 0) (void)::tcsetattr(fd_, TCSADRAIN, &saved_);
}

}  // namespace agena::sys
