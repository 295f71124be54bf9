#include "stage1/iohub/terminal.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "common/base/time.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

Terminal::Terminal(sys::EventLoop& loop, sys::PseudoTerminal pty, std::function<Result<>()> hang_up,
                   std::function<Result<>()> on_closed)
    : loop_(loop), pty_(std::move(pty)), hang_up_(std::move(hang_up)), on_closed_(std::move(on_closed)) {}

Terminal::~Terminal() {
  if (reads_input_) loop_.remove(STDIN_FILENO);
  if (!closed_) loop_.remove(pty_.master.get());
}

Result<std::unique_ptr<Terminal>> Terminal::open(sys::EventLoop& loop, const sys::DirFd& devpts,
                                                 std::function<Result<>()> hang_up,
                                                 std::function<Result<>()> closed) {
  auto pty = TRY(sys::open_pseudo_terminal(devpts));
  std::unique_ptr<Terminal> terminal(
      new Terminal(loop, std::move(pty), std::move(hang_up), std::move(closed)));
  TRY(terminal->start());
  return terminal;
}

Result<> Terminal::start() {
  if (sys::is_terminal(STDIN_FILENO)) raw_.emplace(TRY(sys::RawMode::enter(STDIN_FILENO)));
  copy_window_size();
  TRY(loop_.add(pty_.master.get(), EPOLLIN, [this](std::uint32_t) { return on_output(); }));
  // A regular file or /dev/null cannot be watched; it is read to its end at once, in the first round of
  // on_input().
  reads_input_ = loop_.add(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { return on_input(); }).has_value();
  return reads_input_ ? Result<>() : on_input();
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
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    const std::string_view typed(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    if (is_hang_up(typed)) return hang_up_();
    // The app may be gone; its end is heard elsewhere.
    (void)sys::write_all(pty_.master.get(), typed.empty() ? std::string_view(&kEndOfInput, 1) : typed);
    if (typed.empty()) {
      if (reads_input_) loop_.remove(STDIN_FILENO);
      reads_input_ = false;
      return {};
    }
    if (reads_input_) return {};
  }
}

Result<> Terminal::on_output() {
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
  const ssize_t n = ::read(pty_.master.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
  if (n > 0) {
    // A caller that closed its terminal does not read any more; the app goes on.
    (void)sys::write_all(STDOUT_FILENO, {buffer.data(), static_cast<std::size_t>(n)});
    return {};
  }
  // EIO: every descriptor of the app's side is closed.
  loop_.remove(pty_.master.get());
  closed_ = true;
  return on_closed_();
}

}  // namespace agena::stage1
