#include "stage1/iohub/hub.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/sys/tty.h"
#include "common/sys/unix_socket.h"

namespace agena::stage1 {

using stage2::HubStream;

namespace {

// Large enough for whatever a pipe holds after it was grown.
constexpr std::size_t kReadSize = 256U << 10U;
// A pipe's size when it is made (pipe(7)), and how often it has to be found full before it gets the larger
// size: that counts against a limit of the user (pipe-user-pages-soft), so only busy pipes get it.
constexpr std::size_t kPipeSize = 64U << 10U;
constexpr int kFullReadsToGrow = 3;

}  // namespace

Hub::App::App(sys::EventLoop& loop, const sys::DirFd& pod_dir, StreamSettings app_settings)
    : settings(std::move(app_settings)), log(pod_dir, settings), input(loop, [] { return Result<>(); }) {}

Hub::Hub(sys::EventLoop& loop, HubSetup setup, HubEvents events)
    : loop_(loop),
      listener_(std::move(setup.listener)),
      events_(std::move(events)),
      root_(setup.root),
      console_(loop, setup.console, [this] { return pause_streams(false); }) {
  for (StreamSettings& settings : setup.apps) {
    std::string name = settings.app;
    apps_.try_emplace(std::move(name), loop, setup.pod_dir, std::move(settings));
  }
}

Hub::~Hub() {
  loop_.remove(listener_.get());
  for (const auto& [fd, connection] : connections_) loop_.remove(fd);
  for (const auto& [fd, stream] : streams_) loop_.remove(fd);
}

Result<std::unique_ptr<Hub>> Hub::open(sys::EventLoop& loop, HubSetup setup, HubEvents events) {
  std::unique_ptr<Hub> hub(new Hub(loop, std::move(setup), std::move(events)));
  Hub* self = hub.get();
  TRY(loop.add(hub->listener_.get(), EPOLLIN, [self](std::uint32_t) { return self->accept(); }));
  return hub;
}

Result<> Hub::accept() {
  auto connection = TRY(sys::accept_connection(listener_.get()));
  if (!connection) return {};
  const int fd = connection->get();
  // Apps cannot reach the socket (it is outside their roots); this keeps out whatever else might run in the
  // pod's root.
  if (TRY(sys::peer_credentials(fd)).uid != root_) return {};
  connections_[fd] = std::move(*connection);
  return loop_.add(fd, EPOLLIN, [this, fd](std::uint32_t) { return on_message(fd); });
}

void Hub::close_connection(int connection) {
  loop_.remove(connection);
  std::erase_if(waiting_, [&](const auto& row) { return row.second == connection; });
  connections_.erase(connection);
}

Result<> Hub::on_message(int connection) {
  auto message = sys::receive_message(connection, stage2::kMaxHubMessage, 0);
  if (!message || !*message) {
    close_connection(connection);
    return {};
  }
  const auto request = stage2::parse_hub_request((*message)->bytes);
  Result<> handled = request ? handle(connection, *request) : Result<>(std::unexpected(request.error()));
  if (handled) return {};
  // The fault of one client must not end the pod; the client is told.
  log::debug("hub: {}", handled.error().to_string());
  (void)sys::send_message(connection,
                          stage2::render_hub_reply(stage2::HubRefused{handled.error().to_string()}));
  return {};
}

Result<> Hub::handle(int connection, const stage2::HubRequest& request) {
  if (const auto* hello = std::get_if<stage2::HubHello>(&request)) return serve_hello(connection, *hello);
  if (const auto* admit = std::get_if<stage2::HubAdmit>(&request)) return serve_admit(connection, *admit);
  if (const auto* failed = std::get_if<stage2::HubFailed>(&request)) return events_.failed(*failed);
  if (std::holds_alternative<stage2::HubStop>(request)) return events_.stop();
  TRY(events_.ended(std::get<stage2::HubEnded>(request)));
  return sys::send_message(connection, stage2::render_hub_reply(stage2::HubRecorded{}));
}

Result<> Hub::serve_admit(int connection, const stage2::HubAdmit& admit) {
  waiting_.insert_or_assign(admit.app, connection);
  return events_.admit(admit);
}

Result<> Hub::answer_admission(const std::string& app, bool start) {
  const auto it = waiting_.find(app);
  if (it == waiting_.end()) return {};
  const int connection = it->second;
  waiting_.erase(it);
  // One that is gone was stopped while it waited.
  (void)sys::send_message(connection, stage2::render_hub_reply(stage2::HubAdmitted{start}));
  return {};
}

Result<> Hub::serve_hello(int connection, const stage2::HubHello& hello) {
  TRY(events_.hello(hello, TRY(sys::peer_credentials(connection)).pid));
  std::vector<sys::UniqueFd> ends;
  for (const HubStream stream : hello.streams) ends.push_back(TRY(open_stream(hello, stream)));
  std::vector<int> fds;
  for (const sys::UniqueFd& end : ends) fds.push_back(end.get());
  PassedSockets::OfApp sockets;
  if (hello.role == stage2::Role::kApp) sockets = events_.sockets(hello.app);
  fds.insert(fds.end(), sockets.fds.begin(), sockets.fds.end());
  return sys::send_message(
      connection, stage2::render_hub_reply(stage2::HubStreams{hello.streams, std::move(sockets.names)}), fds);
}

// The app's end of a stream; ours is watched.
Result<sys::UniqueFd> Hub::open_stream(const stage2::HubHello& hello, HubStream stream) {
  const auto found = apps_.find(hello.app);
  if (found == apps_.end()) return fail(ErrorKind::kNotFound, "the pod has no app '{}'", hello.app);
  App& app = found->second;
  switch (stream) {
    case HubStream::kStdin:
      return open_input(app);
    case HubStream::kStdout:
      return open_output(app, LogStream::kStdout, hello.pid);
    case HubStream::kStderr:
      return open_output(app, LogStream::kStderr, hello.pid);
    case HubStream::kTty:
      return app.settings.interactive ? events_.terminal() : open_terminal(app, hello.pid);
  }
  return fail(ErrorKind::kInternal, "unknown stream");
}

namespace {

// Only our end: a non-blocking stream would surprise the app.
Result<> make_non_blocking(const sys::UniqueFd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return sys_fail("preparing a stream of an app");
  return {};
}

}  // namespace

Result<sys::UniqueFd> Hub::open_input(App& app) {
  sys::Pipe pipe = TRY(sys::make_pipe());
  TRY(make_non_blocking(pipe.write));
  TRY(app.input.connect(std::move(pipe.write)));
  return std::move(pipe.read);
}

Result<sys::UniqueFd> Hub::open_output(App& app, LogStream kind, int pid) {
  sys::Pipe pipe = TRY(sys::make_pipe());
  TRY(make_non_blocking(pipe.read));
  TRY(add_stream({.fd = std::move(pipe.read),
                  .app = &app,
                  .kind = kind,
                  .pid = pid,
                  .terminal = false,
                  .full_reads = 0,
                  .lines = {}}));
  return std::move(pipe.write);
}

Result<sys::UniqueFd> Hub::open_terminal(App& app, int pid) {
  sys::PseudoTerminal pty = TRY(sys::open_pseudo_terminal(TRY(events_.devpts())));
  TRY(make_non_blocking(pty.master));
  TRY(app.input.connect(TRY(sys::duplicate(pty.master.get()))));
  TRY(add_stream({.fd = std::move(pty.master),
                  .app = &app,
                  .kind = LogStream::kStdout,
                  .pid = pid,
                  .terminal = true,
                  .full_reads = 0,
                  .lines = {}}));
  return std::move(pty.slave);
}

Result<> Hub::add_stream(Stream stream) {
  const int fd = stream.fd.get();
  streams_.insert_or_assign(fd, std::move(stream));
  return loop_.add(fd, paused_ ? 0U : std::uint32_t{EPOLLIN},
                   [this, fd](std::uint32_t) { return on_stream(fd); });
}

// One read per turn, so that a busy app does not keep the others waiting.
Result<> Hub::on_stream(int fd) {
  Stream& stream = streams_.at(fd);
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kReadSize);
  const ssize_t n = ::read(fd, buffer_.get(), kReadSize);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  // EIO of a terminal: every descriptor of the app's side is closed.
  if (n <= 0) return close_stream(fd);
  const auto size = static_cast<std::size_t>(n);
  if (size >= kPipeSize && !stream.terminal && ++stream.full_reads == kFullReadsToGrow)
    (void)::fcntl(fd, F_SETPIPE_SZ, static_cast<int>(kReadSize));  // refused: it stays as it is
  TRY(give(stream, {buffer_.get(), size}));
  return console_.full() ? pause_streams(true) : Result<>();
}

Result<> Hub::give(Stream& stream, std::string_view bytes) {
  AppLog& log = stream.app->log;
  log.begin(stream.kind, stream.pid, now(), monotonic_now());
  stream.lines.feed(bytes, [&](std::string_view text, bool complete) {
    // The terminal turned the app's "\n" into "\r\n".
    if (stream.terminal && complete && text.ends_with('\r')) text.remove_suffix(1);
    log.line(text, complete);
  });
  return console_.push(log.end());
}

Result<> Hub::close_stream(int fd) {
  const auto found = streams_.find(fd);
  Stream& stream = found->second;
  AppLog& log = stream.app->log;
  log.begin(stream.kind, stream.pid, now(), monotonic_now());
  stream.lines.finish([&](std::string_view text, bool complete) { log.line(text, complete); });
  TRY(console_.push(log.end()));
  loop_.remove(fd);
  streams_.erase(found);
  return streams_.empty() ? events_.drained() : Result<>();
}

// A console that does not keep up makes the apps wait at their pipes, as a terminal would.
Result<> Hub::pause_streams(bool pause) {
  if (pause == paused_) return {};
  paused_ = pause;
  for (const auto& [fd, stream] : streams_) TRY(loop_.change(fd, pause ? 0U : std::uint32_t{EPOLLIN}));
  return {};
}

}  // namespace agena::stage1
