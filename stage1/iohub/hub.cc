#include "stage1/iohub/hub.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/notify.h"
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

constexpr mode_t kPrivateMode = 0700;
constexpr mode_t kOwnerMode = 0600;
constexpr mode_t kAnybodyMode = 0666;

winsize as_winsize(const AttachWindow& window) {
  winsize size{};
  size.ws_row = window.rows;
  size.ws_col = window.columns;
  return size;
}

// What `attach` may join.
std::vector<AttachStream> attach_streams(const schema::AppIo& io) {
  using schema::OutputMode;
  std::vector<AttachStream> streams;
  if (io.input == schema::InputMode::kStream) streams.push_back(AttachStream::kStdin);
  if (io.output == OutputMode::kStream) streams.push_back(AttachStream::kStdout);
  if (io.error == OutputMode::kStream) streams.push_back(AttachStream::kStderr);
  const bool reads_terminal = io.input == schema::InputMode::kTty;
  if (reads_terminal) streams.push_back(AttachStream::kTtyIn);
  // A terminal that is only read from shows what is typed.
  if (reads_terminal || io.output == OutputMode::kTty || io.error == OutputMode::kTty)
    streams.push_back(AttachStream::kTtyOut);
  return streams;
}

}  // namespace

Hub::App::App(Hub& hub, const sys::DirFd& pod_dir, StreamSettings app_settings)
    : settings(std::move(app_settings)),
      log(pod_dir, settings, [&hub] { return hub.journal(); }),
      input(hub.loop_, [&hub, this] { return hub.attach_->input_has_room(settings.app); }) {}

Hub::Hub(sys::EventLoop& loop, HubSetup& setup, HubEvents events)
    : loop_(loop),
      listener_(std::move(setup.listener)),
      events_(std::move(events)),
      pod_dir_(setup.pod_dir),
      root_(setup.root),
      root_user_(setup.root_user),
      console_(loop, setup.console, [this] { return pause_streams(false); }) {
  for (StreamSettings& settings : setup.apps) {
    std::string name = settings.app;
    apps_.try_emplace(std::move(name), *this, setup.pod_dir, std::move(settings));
  }
}

Hub::~Hub() {
  loop_.remove(listener_.get());
  for (const auto& [fd, connection] : connections_) loop_.remove(fd);
  for (const auto& [fd, stream] : streams_) loop_.remove(fd);
  for (const auto& [name, app] : apps_)
    if (app.syslog) loop_.remove(app.syslog.get());
}

Result<std::unique_ptr<Hub>> Hub::open(sys::EventLoop& loop, HubSetup setup, HubEvents events) {
  std::unique_ptr<Hub> hub(new Hub(loop, setup, std::move(events)));
  TRY(hub->start());
  return hub;
}

Result<> Hub::start() {
  TRY(loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { return accept(); }));
  TRY(sys::make_dir(root_, kSyslogDir, kPrivateMode));
  for (auto& [name, app] : apps_) TRY(open_app(app));
  return {};
}

Result<> Hub::open_app(App& app) {
  TRY(open_syslog(app));
  return app.settings.attachable() && !attach_ ? open_attach() : Result<>();
}

Result<> Hub::add_app(StreamSettings settings) {
  const std::string name = settings.app;
  const auto [added, is_new] = apps_.try_emplace(name, *this, pod_dir_, std::move(settings));
  if (!is_new) return fail(ErrorKind::kAlreadyExists, "app '{}' is there already", name);
  auto opened = open_app(added->second);
  if (!opened) TRY(remove_app(name));
  return opened;
}

Result<> Hub::remove_app(const std::string& name) {
  const auto found = apps_.find(name);
  if (found == apps_.end()) return {};
  App& app = found->second;
  TRY(drain_syslog(app));
  std::vector<int> open;
  for (const auto& [fd, stream] : streams_)
    if (stream.app == &app) open.push_back(fd);
  for (const int fd : open) TRY(drain_stream(fd));
  app.over = true;
  end_clients(app);
  if (app.syslog) loop_.remove(app.syslog.get());
  (void)sys::remove_file(root_, std::string(kSyslogDir) + "/" + name);
  waiting_.erase(name);
  apps_.erase(found);
  return {};
}

// All has been written; but somebody whom the app gave its streams may hold them open, and go on.
Result<> Hub::drain_stream(int fd) {
  constexpr int kMostReads = 64;
  for (int i = 0; i < kMostReads && TRY(read_stream(fd)); ++i) {
  }
  return streams_.contains(fd) ? close_stream(fd) : Result<>();
}

Result<> Hub::drain_syslog(App& app) {
  constexpr int kMostMessages = 1024;  // more than a socket holds
  for (int i = 0; i < kMostMessages && app.syslog && TRY(read_syslog(app)); ++i) {
  }
  return {};
}

Result<> Hub::close_streams() {
  std::vector<int> open;
  for (const auto& [fd, stream] : streams_) open.push_back(fd);
  for (const int fd : open) TRY(drain_stream(fd));
  return {};
}

void Hub::renew_app(const std::string& app) {
  App& renewed = apps_.at(app);
  renewed.over = false;
  renewed.input.renew();
}

Result<> Hub::open_attach() {
  TRY(sys::remove_file(pod_dir_, contract::pod_paths::kAttach));  // of an earlier run of the pod
  AttachEvents events = {
      .streams = [this](const std::string& name) -> Result<std::vector<AttachStream>> {
        return attach_streams(TRY(find_app(name))->settings.io);
      },
      .input = [this](const std::string& name) -> AppInput& { return apps_.at(name).input; },
      .resize = [this](const std::string& name, const AttachWindow& window) { return resize(name, window); },
      .signal = [this](const std::string& name, int signal) -> Result<> {
        const sys::PidFd& process = apps_.at(name).process;
        return process ? sys::send_signal(process, signal) : Result<>();
      },
  };
  attach_ = TRY(AttachServer::open(
      loop_, TRY(sys::listen_seqpacket(pod_dir_, contract::pod_paths::kAttach, kOwnerMode)),
      std::move(events)));
  return {};
}

Result<Hub::App*> Hub::find_app(const std::string& name) {
  const auto found = apps_.find(name);
  if (found == apps_.end()) return fail(ErrorKind::kNotFound, "the pod has no app '{}'", printable(name));
  return &found->second;
}

// Opened for the first line: a pod that says nothing has no need of it.
Journal* Hub::journal() {
  if (looked_for_journal_) return journal_.get();
  looked_for_journal_ = true;
  auto opened = Journal::open(loop_, kJournalSocket);
  if (opened)
    journal_ = std::move(*opened);
  else
    log::warning("lines do not go to the host's journal: {}", opened.error().to_string());
  return journal_.get();
}

Result<> Hub::resize(const std::string& name, const AttachWindow& window) {
  App& app = apps_.at(name);
  app.window = window;  // for a terminal that is not open yet
  for (const auto& [fd, stream] : streams_)
    if (stream.app == &app && stream.terminal) TRY(sys::set_window_size(fd, as_winsize(window)));
  return {};
}

// Bound in the pod's root, from where it is mounted into the app's /dev.
Result<> Hub::open_syslog(App& app) {
  const std::string path = std::string(kSyslogDir) + "/" + app.settings.app;
  app.syslog = TRY(sys::listen_notify(root_, path));
  // Sending asks for the right to write, and any user of the app may log.
  if (::fchmodat(root_.get(), path.c_str(), kAnybodyMode, 0) != 0) return sys_fail("preparing /dev/log");
  return loop_.add(app.syslog.get(), EPOLLIN, [this, &app](std::uint32_t) { return on_syslog(app); });
}

// False if there was no message.
Result<bool> Hub::read_syslog(App& app) {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kReadSize);
  const ssize_t n = ::recv(app.syslog.get(), buffer_.get(), kReadSize, MSG_DONTWAIT);
  if (n < 0) return false;
  const SyslogMessage message = parse_syslog({buffer_.get(), static_cast<std::size_t>(n)});
  app.log.syslog(message, app.pid, now(), monotonic_now());
  TRY(console_.push(app.log.end()));
  return true;
}

Result<> Hub::on_syslog(App& app) {
  constexpr int kAtOnce = 64;  // so that others get their turn
  for (int i = 0; i < kAtOnce; ++i)
    if (!TRY(read_syslog(app))) return {};
  return console_.full() ? pause_streams(true) : Result<>();
}

Result<> Hub::flush(OutputQueue::Patience patience) {
  constexpr Nanoseconds kForClients = 2 * kSecond;
  constexpr int kForJournalMs = 1000;
  for (auto& [name, app] : apps_) TRY(drain_syslog(app));
  TRY(console_.flush(patience));
  if (attach_) {
    for (const auto& [name, app] : apps_) attach_->end(name);
    attach_->flush(kForClients);
  }
  if (journal_) journal_->flush(kForJournalMs);
  return {};
}

void Hub::end_app(const std::string& app) {
  const auto found = apps_.find(app);
  if (found == apps_.end()) return;
  found->second.over = true;
  end_clients(found->second);
}

void Hub::end_clients(const App& app) {
  const auto open = [&](const auto& row) { return row.second.app == &app; };
  if (attach_ && app.over && std::ranges::none_of(streams_, open)) attach_->end(app.settings.app);
}

Result<> Hub::accept() {
  auto connection = TRY(listener_.accept());
  if (!connection) return {};
  const int fd = connection->get();
  // Apps cannot reach the socket (it is outside their roots); this keeps out whatever else might run in the
  // pod's root.
  if (TRY(sys::peer_credentials(fd)).uid != root_user_) return {};
  connections_[fd] = std::move(*connection);
  return loop_.add(fd, EPOLLIN, [this, fd](std::uint32_t) { return on_message(fd); });
}

void Hub::close_connection(int connection) {
  loop_.remove(connection);
  std::erase_if(waiting_, [&](const auto& row) { return row.second == connection; });
  connections_.erase(connection);
  launching_.erase(connection);
}

Result<> Hub::on_message(int connection) {
  auto message = sys::receive_message(connection, stage2::kMaxHubMessage, 0);
  if (!message || !*message) {
    // Close-on-exec: the program runs now, unless it said before that it cannot.
    const auto launching = launching_.find(connection);
    const std::string app = launching == launching_.end() ? "" : launching->second;
    close_connection(connection);
    return app.empty() || !events_.launched ? Result<>() : events_.launched(app);
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
  if (const auto* failed = std::get_if<stage2::HubFailed>(&request)) {
    launching_.erase(connection);
    return events_.failed(*failed);
  }
  if (const auto* steps = std::get_if<stage2::HubSteps>(&request)) {
    if (events_.steps) events_.steps(*steps, TRY(sys::peer_credentials(connection)).pid);
    return {};
  }
  if (std::holds_alternative<stage2::HubStop>(request)) return events_.stop();
  if (std::holds_alternative<stage2::HubManager>(request)) return serve_manager(connection);
  TRY(events_.ended(std::get<stage2::HubEnded>(request)));
  return sys::send_message(connection, stage2::render_hub_reply(stage2::HubRecorded{}));
}

Result<> Hub::serve_manager(int connection) {
  if (!events_.manager) return fail(ErrorKind::kUnsupported, "the pod's apps do not change");
  sys::UniqueFd given = std::move(connections_.at(connection));
  close_connection(connection);
  return events_.manager(std::move(given));
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
  const pid_t process = TRY(sys::peer_credentials(connection)).pid;
  TRY(events_.hello(hello, process));
  App& app = *TRY(find_app(hello.app));
  if (hello.role == stage2::Role::kApp) {
    launching_.insert_or_assign(connection, hello.app);
    app.pid = hello.pid;
    if (app.settings.attachable()) app.process = TRY(sys::open_pidfd(process));
  }
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
  App& app = *TRY(find_app(hello.app));
  switch (stream) {
    case HubStream::kStdin:
      return open_input(app);
    case HubStream::kStdout:
      return open_output(app, LogStream::kStdout, hello);
    case HubStream::kStderr:
      return open_output(app, LogStream::kStderr, hello);
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

Result<sys::UniqueFd> Hub::open_output(App& app, LogStream kind, const stage2::HubHello& hello) {
  sys::Pipe pipe = TRY(sys::make_pipe());
  TRY(make_non_blocking(pipe.read));
  const schema::AppIo& io = app.settings.io;
  const schema::OutputMode mode = kind == LogStream::kStderr ? io.error : io.output;
  TRY(add_stream({.fd = std::move(pipe.read),
                  .app = &app,
                  .kind = kind,
                  .pid = hello.pid,
                  .terminal = false,
                  .attachable = hello.role == stage2::Role::kApp && mode == schema::OutputMode::kStream,
                  .full_reads = 0,
                  .lines = {}}));
  return std::move(pipe.write);
}

Result<sys::UniqueFd> Hub::open_terminal(App& app, int pid) {
  sys::PseudoTerminal pty = TRY(sys::open_pseudo_terminal(TRY(events_.devpts())));
  TRY(make_non_blocking(pty.master));
  if (app.window) TRY(sys::set_window_size(pty.master.get(), as_winsize(*app.window)));
  TRY(app.input.connect(TRY(sys::duplicate(pty.master.get()))));
  TRY(add_stream({.fd = std::move(pty.master),
                  .app = &app,
                  .kind = LogStream::kStdout,
                  .pid = pid,
                  .terminal = true,
                  .attachable = true,
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
  (void)TRY(read_stream(fd));
  return console_.full() ? pause_streams(true) : Result<>();
}

// False if there is nothing now, or the stream has been closed.
Result<bool> Hub::read_stream(int fd) {
  Stream& stream = streams_.at(fd);
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kReadSize);
  const ssize_t n = ::read(fd, buffer_.get(), kReadSize);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  // EIO of a terminal: every descriptor of the app's side is closed.
  if (n <= 0) {
    TRY(close_stream(fd));
    return false;
  }
  const auto size = static_cast<std::size_t>(n);
  if (size >= kPipeSize && !stream.terminal && ++stream.full_reads == kFullReadsToGrow)
    (void)::fcntl(fd, F_SETPIPE_SZ, static_cast<int>(kReadSize));  // refused: it stays as it is
  TRY(give(stream, {buffer_.get(), size}));
  return true;
}

Result<> Hub::give(Stream& stream, std::string_view bytes) {
  if (stream.attachable && attach_)
    attach_->output(stream.app->settings.app, stream.kind == LogStream::kStderr, bytes);
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
  const App& app = *stream.app;
  streams_.erase(found);
  end_clients(app);
  return streams_.empty() ? events_.drained() : Result<>();
}

// A console that does not keep up makes the apps wait at their pipes, as a terminal would.
Result<> Hub::pause_streams(bool pause) {
  if (pause == paused_) return {};
  paused_ = pause;
  const std::uint32_t events = pause ? 0U : std::uint32_t{EPOLLIN};
  for (const auto& [fd, stream] : streams_) TRY(loop_.change(fd, events));
  for (const auto& [name, app] : apps_) TRY(loop_.change(app.syslog.get(), events));
  return {};
}

}  // namespace agena::stage1
