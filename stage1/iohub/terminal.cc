#include "stage1/iohub/terminal.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "common/base/time.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

Terminal::Terminal(sys::EventLoop& loop, sys::PseudoTerminal pty, sys::UniqueFd out,
                   std::function<Result<>()> hang_up, std::function<Result<>()> on_closed)
    : loop_(loop),
      pty_(std::move(pty)),
      hang_up_(std::move(hang_up)),
      on_closed_(std::move(on_closed)),
      input_(loop, [this] { return more_input(); }),
      stdout_(std::move(out)),
      output_(loop, stdout_ ? stdout_.get() : STDOUT_FILENO, [this]() -> Result<> {
        return closed_ ? Result<>() : loop_.change(pty_.master.get(), EPOLLIN);
      }) {}

Terminal::~Terminal() {
  if (reads_input_) loop_.remove(STDIN_FILENO);
  if (!closed_) loop_.remove(pty_.master.get());
}

Result<std::unique_ptr<Terminal>> Terminal::open(sys::EventLoop& loop, const sys::DirFd& devpts,
                                                 std::function<Result<>()> hang_up,
                                                 std::function<Result<>()> closed) {
  auto pty = TRY(sys::open_pseudo_terminal(devpts));
  // A caller may have none.
  auto out = sys::duplicate(STDOUT_FILENO);
  std::unique_ptr<Terminal> terminal(new Terminal(
      loop, std::move(pty), out ? *std::move(out) : sys::UniqueFd(), std::move(hang_up), std::move(closed)));
  TRY(terminal->start());
  return terminal;
}

Result<> Terminal::start() {
  if (sys::is_terminal(STDIN_FILENO)) raw_.emplace(TRY(sys::RawMode::enter(STDIN_FILENO)));
  copy_window_size();
  if (::fcntl(pty_.master.get(), F_SETFL, O_NONBLOCK) != 0) return sys_fail("preparing a terminal");
  TRY(loop_.add(pty_.master.get(), EPOLLIN, [this](std::uint32_t) { return on_output(); }));
  TRY(input_.connect(TRY(sys::duplicate(pty_.master.get()))));
  return more_input();
}

// A regular file or /dev/null cannot be watched; it is read whenever there is room.
Result<> Terminal::more_input() {
  TRY(read_input(true));
  return pollable_ ? Result<>() : read_file();
}

Result<> Terminal::read_input(bool on) {
  on = on && pollable_ && !input_ended_;
  if (on == reads_input_) return {};
  reads_input_ = false;
  if (!on) {
    loop_.remove(STDIN_FILENO);
    return {};
  }
  reads_input_ = loop_.add(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { return on_input(); }).has_value();
  pollable_ = reads_input_;
  return {};
}

Result<> Terminal::read_file() {
  // Room that is made by a push calls this once more, from within.
  if (std::exchange(reading_file_, true)) return {};
  while (!input_ended_ && !input_.full()) TRY(on_input());
  reading_file_ = false;
  return {};
}

void Terminal::copy_window_size() {
  if (auto size = sys::window_size(STDIN_FILENO)) (void)sys::set_window_size(pty_.master.get(), *size);
}

namespace {

constexpr char kEscape = 0x1D;      // ^]
constexpr char kEndOfInput = 0x04;  // ^D, VEOF of a fresh terminal

}  // namespace

// rkt's (systemd-nspawn's) way out of a pod that owns the terminal.
bool Terminal::is_hang_up(std::string_view typed) {
  constexpr int kTimes = 3;
  if (!raw_) return false;
  for (const char c : typed) {
    if (c != kEscape) {
      escapes_ = 0;
      continue;
    }
    const Nanoseconds now = monotonic_now();
    if (escapes_ == 0 || now - first_escape_ > kSecond) {
      escapes_ = 0;
      first_escape_ = now;
    }
    if (++escapes_ == kTimes) return true;
  }
  return false;
}

Result<> Terminal::on_input() {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
  const std::string_view typed(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  if (is_hang_up(typed)) return hang_up_();
  if (typed.empty()) {
    input_ended_ = true;
    TRY(read_input(false));
    return input_.push({&kEndOfInput, 1});
  }
  // Who types is read on, lest the way out be closed; a terminal that is not read drops what is typed, too.
  constexpr std::size_t kMostTyped = 1U << 20U;
  beyond_ = input_.full() ? beyond_ + typed.size() : 0;
  if (beyond_ > kMostTyped) return {};
  TRY(input_.push(typed));
  return raw_ || !input_.full() ? Result<>() : read_input(false);
}

// False if there is nothing now.
Result<bool> Terminal::read_output() {
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
  const ssize_t n = ::read(pty_.master.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (n > 0) {
    // A caller that closed its terminal does not read any more; the app goes on.
    TRY(output_.push({buffer.data(), static_cast<std::size_t>(n)}));
    return true;
  }
  // EIO: every descriptor of the app's side is closed.
  TRY(close());
  return false;
}

Result<> Terminal::on_output() {
  (void)TRY(read_output());
  // The app waits at its terminal.
  return !closed_ && output_.full() ? loop_.change(pty_.master.get(), 0) : Result<>();
}

Result<> Terminal::close() {
  loop_.remove(pty_.master.get());
  closed_ = true;
  return on_closed_();
}

Result<> Terminal::finish() {
  // A terminal holds less; somebody outside the pod who has it open could go on for ever.
  constexpr int kMostReads = 64;
  for (int i = 0; i < kMostReads && !closed_ && TRY(read_output()); ++i) {
  }
  return closed_ ? Result<>() : close();
}

}  // namespace agena::stage1
