#include "stage1/attach/session.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/log.h"
#include "common/sys/event_loop.h"
#include "common/sys/fs.h"
#include "common/sys/signals.h"
#include "common/sys/tty.h"
#include "common/sys/unix_socket.h"
#include "stage1/attach/detach_keys.h"

namespace agena::stage1 {
namespace {

constexpr char kEndOfText = 0x04;  // ^D, VEOF of a fresh terminal

class Session {
 public:
  Session(sys::EventLoop& loop, sys::UniqueFd socket, const AttachStreams& opened)
      : loop_(loop), socket_(std::move(socket)), app_(opened.app) {
    for (const AttachStream stream : opened.streams) {
      input_ = input_ || stream == AttachStream::kStdin || stream == AttachStream::kTtyIn;
      terminal_ = terminal_ || stream == AttachStream::kTtyIn;
    }
  }
  ~Session() {
    if (reading_) loop_.remove(STDIN_FILENO);
    loop_.remove(socket_.get());
    if (signals_) loop_.remove(signals_.get());
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<> start();
  int code() const { return code_; }

 private:
  Result<> on_socket(std::uint32_t events);
  Result<> on_output();
  Result<> on_signal();
  Result<> on_input();
  Result<> type(std::string_view typed);
  Result<> queue(AttachKind kind, std::string_view data = {});
  Result<> send_queued();
  Result<> read_stdin(bool on);
  Result<> watch_socket();
  Result<> send_window();
  void leave(const char* why);

  sys::EventLoop& loop_;
  sys::UniqueFd socket_;
  std::string app_;
  bool input_ = false;
  bool terminal_ = false;
  std::optional<sys::RawMode> raw_;
  sys::UniqueFd signals_;
  DetachKeys keys_;
  std::vector<std::string> waiting_;  // messages that the hub has no room for yet
  bool pollable_ = true;              // a regular file is always ready and cannot be watched
  bool ended_ = false;                // of our input
  bool reading_ = false;
  int code_ = 0;
};

Result<> Session::start() {
  if (terminal_ && sys::is_terminal(STDIN_FILENO)) raw_.emplace(TRY(sys::RawMode::enter(STDIN_FILENO)));
  signals_ = TRY(sys::open_signalfd({SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH}));
  TRY(loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { return on_signal(); }));
  TRY(loop_.add(socket_.get(), EPOLLIN, [this](std::uint32_t events) { return on_socket(events); }));
  if (terminal_) TRY(send_window());
  if (!input_) return {};
  TRY(read_stdin(true));
  return watch_socket();
}

Result<> Session::read_stdin(bool on) {
  on = on && pollable_ && !ended_;
  if (on == reading_) return {};
  if (!on) {
    loop_.remove(STDIN_FILENO);
    reading_ = false;
    return {};
  }
  reading_ = loop_.add(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { return on_input(); }).has_value();
  pollable_ = reading_;
  return {};
}

// An input that is always ready is read whenever the hub has room.
Result<> Session::watch_socket() {
  const bool sends = !waiting_.empty() || (input_ && !pollable_ && !ended_);
  return loop_.change(socket_.get(), EPOLLIN | (sends ? std::uint32_t{EPOLLOUT} : 0U));
}

Result<> Session::on_socket(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    TRY(send_queued());
    if (waiting_.empty() && input_ && !pollable_ && !ended_) TRY(on_input());
  }
  return (events & ~std::uint32_t{EPOLLOUT}) != 0 ? on_output() : Result<>();
}

// False if nobody reads. The caller's stream may be non-blocking, which others (ssh, node) do to it.
bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    pollfd entry{fd, POLLOUT, 0};
    if (errno == EAGAIN ? ::poll(&entry, 1, -1) < 0 && errno != EINTR : errno != EINTR) return false;
  }
  return true;
}

Result<> Session::on_output() {
  const auto received = TRY(sys::receive_message(socket_.get(), kMaxAttachMessage, 0));
  if (!received) return fail(ErrorKind::kSystem, "the pod's supervisor is gone");
  const AttachMessage message = TRY(read_attach_message(received->bytes));
  if (message.kind == AttachKind::kOutput || message.kind == AttachKind::kErrors) {
    const int fd = message.kind == AttachKind::kOutput ? STDOUT_FILENO : STDERR_FILENO;
    // Nobody reads us any more: the app is none the worse.
    if (!write_whole(fd, message.data)) loop_.quit();
    return {};
  }
  if (message.kind == AttachKind::kEnded) {
    loop_.quit();
    return {};
  }
  if (message.kind == AttachKind::kDropped)
    return fail(ErrorKind::kSystem, "app '{}' writes faster than its output was read: detached", app_);
  return fail(ErrorKind::kSystem, "app '{}': {}", app_, std::string(message.data));
}

Result<> Session::on_signal() {
  const auto signal = TRY(sys::next_signal(signals_));
  if (!signal) return {};
  if (*signal == SIGWINCH) return terminal_ ? send_window() : Result<>();
  if (*signal == SIGHUP || !input_) {
    code_ = *signal == SIGHUP ? 0 : 128 + *signal;
    loop_.quit();
    return {};
  }
  // Whoever feeds the app steers it as well.
  const char number = static_cast<char>(*signal);
  return queue(AttachKind::kSignal, {&number, 1});
}

Result<> Session::on_input() {
  std::array<char, kMaxAttachData> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
  if (n > 0) return type({buffer.data(), static_cast<std::size_t>(n)});
  ended_ = true;
  TRY(read_stdin(false));
  // A terminal has no end of file of its own.
  if (terminal_) return queue(AttachKind::kInput, {&kEndOfText, 1});
  return queue(AttachKind::kEndOfInput);
}

Result<> Session::type(std::string_view typed) {
  if (!raw_) return queue(AttachKind::kInput, typed);
  std::string for_app;
  const bool leaves = keys_.feed(typed, monotonic_now(), for_app);
  if (leaves) {
    leave("detached");
    return {};
  }
  return for_app.empty() ? Result<>() : queue(AttachKind::kInput, for_app);
}

void Session::leave(const char* why) {
  raw_.reset();
  log::info("{} from app '{}'", why, app_);
  loop_.quit();
}

Result<> Session::send_window() {
  const auto size = sys::window_size(STDIN_FILENO);
  if (!size) return {};  // no terminal of ours has a size
  return queue(AttachKind::kWindow, render_attach_window({size->ws_row, size->ws_col}));
}

Result<> Session::queue(AttachKind kind, std::string_view data) {
  waiting_.push_back(attach_message(kind, data));
  return send_queued();
}

Result<> Session::send_queued() {
  std::size_t sent = 0;
  for (; sent < waiting_.size(); ++sent) {
    const std::string& message = waiting_[sent];
    if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) continue;
    if (errno == EAGAIN || errno == EINTR) break;
    return {};  // the hub has let us go, and its last words are still to be read
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
  TRY(read_stdin(waiting_.empty()));
  return watch_socket();
}

}  // namespace

Result<int> run_attach_session(sys::UniqueFd socket, const AttachStreams& opened) {
  (void)::signal(SIGPIPE, SIG_IGN);
  auto loop = TRY(sys::EventLoop::create());
  Session session(loop, std::move(socket), opened);
  TRY(session.start());
  TRY(loop.run());
  return session.code();
}

}  // namespace agena::stage1
