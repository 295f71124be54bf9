#include "stage1/iohub/hub.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "common/base/log.h"
#include "common/sys/unix_socket.h"

namespace agena::stage1 {

using stage2::HubStream;

Hub::Hub(sys::EventLoop& loop, sys::UniqueFd listener, int output, HubEvents events)
    : loop_(loop),
      listener_(std::move(listener)),
      events_(std::move(events)),
      output_(loop, output, [this] { return pause_streams(false); }) {}

Hub::~Hub() {
  loop_.remove(listener_.get());
  for (const auto& [fd, connection] : connections_) loop_.remove(fd);
  for (const auto& [fd, stream] : streams_) loop_.remove(fd);
}

Result<std::unique_ptr<Hub>> Hub::open(sys::EventLoop& loop, sys::UniqueFd listener, int output,
                                       HubEvents events) {
  std::unique_ptr<Hub> hub(new Hub(loop, std::move(listener), output, std::move(events)));
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
  if (TRY(sys::peer_credentials(fd)).uid != 0) return {};
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
  if (stream == HubStream::kTty) return events_.terminal();
  if (stream == HubStream::kStdin)
    return fail(ErrorKind::kUnsupported, "no input is attached to app '{}'", hello.app);
  sys::Pipe pipe = TRY(sys::make_pipe());
  // Only our end: a non-blocking stdout would surprise the app.
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0)
    return sys_fail("preparing the output of app '{}'", hello.app);
  const int fd = pipe.read.get();
  streams_.insert_or_assign(fd, Stream{std::move(pipe.read), LinePrefixer(hello.app, hello.pid)});
  TRY(loop_.add(fd, paused_ ? 0U : std::uint32_t{EPOLLIN},
                [this, fd](std::uint32_t) { return on_stream(fd); }));
  return std::move(pipe.write);
}

Result<> Hub::on_stream(int fd) {
  Stream& stream = streams_.at(fd);
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (n <= 0) return close_stream(fd);
  TRY(output_.push(stream.lines.feed({buffer.data(), static_cast<std::size_t>(n)}, monotonic_now())));
  return output_.full() ? pause_streams(true) : Result<>();
}

Result<> Hub::close_stream(int fd) {
  TRY(output_.push(streams_.at(fd).lines.finish(monotonic_now())));
  loop_.remove(fd);
  streams_.erase(fd);
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
