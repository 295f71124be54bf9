#include "stage1/iohub/attach_server.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/unix_socket.h"

namespace agena::stage1 {
namespace {

// Sends one message without waiting: 1 sent, 0 no room, -1 nobody reads.
int try_send(int socket, std::string_view head, std::string_view data) {
  std::array<iovec, 2> parts = {iovec{const_cast<char*>(head.data()), head.size()},
                                iovec{const_cast<char*>(data.data()), data.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  while (true) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return 1;
    if (errno == EAGAIN || errno == ENOBUFS) return 0;
    if (errno != EINTR) return -1;
  }
}

bool has(const std::vector<AttachStream>& streams, AttachStream stream) {
  return std::ranges::find(streams, stream) != streams.end();
}

bool has(const AttachStreams& wanted, AttachStream stream) { return has(wanted.streams, stream); }

// Why a stream cannot be had: what it would have taken.
std::unexpected<Error> not_attachable(const std::string& app, AttachStream stream) {
  const std::string_view name = name_of(stream);
  if (name.starts_with("tty"))
    return fail(ErrorKind::kInvalidInput,
                "app '{}' has no terminal to attach to (it takes --stdin=tty or --stdout=tty)", app);
  return fail(ErrorKind::kInvalidInput, "{} of app '{}' cannot be attached (it takes --{}=stream)", name, app,
              name);
}

}  // namespace

AttachServer::AttachServer(sys::EventLoop& loop, sys::UniqueFd listener, AttachEvents events)
    : loop_(loop), listener_(std::move(listener)), events_(std::move(events)) {}

AttachServer::~AttachServer() {
  loop_.remove(listener_.get());
  for (const auto& [fd, client] : clients_) loop_.remove(fd);
}

Result<std::unique_ptr<AttachServer>> AttachServer::open(sys::EventLoop& loop, sys::UniqueFd listener,
                                                         AttachEvents events) {
  std::unique_ptr<AttachServer> server(new AttachServer(loop, std::move(listener), std::move(events)));
  AttachServer* self = server.get();
  TRY(loop.add(self->listener_.get(), EPOLLIN, [self](std::uint32_t) { return self->accept(); }));
  return server;
}

Result<> AttachServer::accept() {
  auto connection = TRY(listener_.accept());
  if (!connection || TRY(sys::peer_credentials(connection->get())).uid != 0) return {};
  const int fd = connection->get();
  Client client;
  client.socket = std::move(*connection);
  clients_.insert_or_assign(fd, std::move(client));
  return loop_.add(fd, EPOLLIN, [this, fd](std::uint32_t events) { return on_event(fd, events); });
}

void AttachServer::forget(int fd) {
  loop_.remove(fd);
  clients_.erase(fd);
}

// Clients that have got their last message.
void AttachServer::forget_gone() {
  for (auto it = clients_.begin(); it != clients_.end();) {
    const int fd = it->first;
    const bool gone = it->second.leaving && it->second.queue.empty();
    ++it;
    if (gone) forget(fd);
  }
}

void AttachServer::watch(const Client& client) {
  const bool reads = !client.paused && !client.leaving;
  const std::uint32_t events =
      (reads ? std::uint32_t{EPOLLIN} : 0U) | (client.queue.empty() ? 0U : std::uint32_t{EPOLLOUT});
  (void)loop_.change(client.socket.get(), events);  // cannot fail for a descriptor that is watched
}

Result<> AttachServer::on_event(int fd, std::uint32_t events) {
  Client& client = clients_.at(fd);
  if ((events & EPOLLOUT) != 0 && !send_queued(client)) {
    forget(fd);
    return {};
  }
  // Of one that is being let go nothing counts any more: its app may be gone, and its input somebody else's.
  if ((events & EPOLLIN) != 0 && !client.leaving) {
    // Of a client that has gone, all messages at once: whoever comes next may want the input that it held.
    Result<> handled = on_message(client);
    while (handled && (events & EPOLLHUP) != 0 && !client.leaving) handled = on_message(client);
    if (!handled) send_last(client, AttachKind::kRefused, handled.error().to_string());
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    client.leaving = true;
    client.queue.clear();
  }
  forget_gone();
  return {};
}

Result<> AttachServer::on_message(Client& client) {
  const auto message = sys::receive_message(client.socket.get(), kMaxAttachMessage, 0);
  if (!message && message.error().kind() == ErrorKind::kBusy) return {};
  if (!message || !*message) {  // broken or gone
    client.leaving = true;
    client.queue.clear();
    return {};
  }
  return handle(client, TRY(read_attach_message((*message)->bytes)));
}

Result<> AttachServer::handle(Client& client, const AttachMessage& message) {
  if (client.app.empty()) {
    if (message.kind != AttachKind::kOpen) return fail(ErrorKind::kInvalidInput, "attach: nothing is open");
    return open_streams(client, message.data);
  }
  if (!client.input) return fail(ErrorKind::kInvalidInput, "attach: no input was asked for");
  switch (message.kind) {
    case AttachKind::kInput: {
      AppInput& input = events_.input(client.app);
      TRY(input.push(message.data));
      client.paused = input.full();
      watch(client);
      return {};
    }
    case AttachKind::kEndOfInput:
      return events_.input(client.app).close();
    case AttachKind::kWindow:
      return events_.resize(client.app, TRY(parse_attach_window(message.data)));
    case AttachKind::kSignal:
      return events_.signal(client.app, TRY(parse_attach_signal(message.data)));
    case AttachKind::kOpen:
    case AttachKind::kOpened:
    case AttachKind::kRefused:
    case AttachKind::kOutput:
    case AttachKind::kErrors:
    case AttachKind::kEnded:
    case AttachKind::kDropped:
      break;
  }
  return fail(ErrorKind::kInvalidInput, "attach: message out of place");
}

Result<> AttachServer::open_streams(Client& client, std::string_view request) {
  const AttachStreams wanted = TRY(parse_attach_streams(request));
  const auto there = TRY(events_.streams(wanted.app));
  for (const AttachStream stream : wanted.streams)
    if (!has(there, stream)) return not_attachable(wanted.app, stream);
  const bool input = has(wanted, AttachStream::kStdin) || has(wanted, AttachStream::kTtyIn);
  const auto holds = [&](const auto& row) {
    return row.second.input && !row.second.leaving && row.second.app == wanted.app;
  };
  if (input && std::ranges::any_of(clients_, holds))
    return fail(ErrorKind::kBusy, "the input of app '{}' is taken by another client", wanted.app);
  if (input && events_.input(wanted.app).closed())
    return fail(ErrorKind::kInvalidInput, "the input of app '{}' has ended", wanted.app);
  client.app = wanted.app;
  client.input = input;
  client.output = has(wanted, AttachStream::kStdout) || has(wanted, AttachStream::kTtyOut);
  client.errors = has(wanted, AttachStream::kStderr);
  send(client, AttachKind::kOpened, render_attach_streams({wanted.app, there}));
  return {};
}

// Queues what does not go at once.
void AttachServer::send(Client& client, AttachKind kind, std::string_view data) {
  if (client.leaving) return;
  const char letter = static_cast<char>(kind);
  if (client.queue.empty()) {
    const int sent = try_send(client.socket.get(), {&letter, 1}, data);
    if (sent < 0) client.leaving = true;
    if (sent != 0) return;
  }
  client.queue.push_back(attach_message(kind, data));
  client.queued += data.size() + 1;
  if (client.queued > kMostQueued) {
    log::warning("a client attached to app '{}' does not keep up and is dropped", client.app);
    client.queue.clear();
    client.queue.push_back(attach_message(AttachKind::kDropped));
    client.leaving = true;
  }
  watch(client);
}

void AttachServer::send_last(Client& client, AttachKind kind, std::string_view data) {
  send(client, kind, data);
  client.leaving = true;
  watch(client);
}

// False if the client is to be forgotten.
bool AttachServer::send_queued(Client& client) {
  while (!client.queue.empty()) {
    const std::string& first = client.queue.front();
    const int sent = try_send(client.socket.get(), first, {});
    if (sent < 0) return false;
    if (sent == 0) break;
    client.queued -= std::min(client.queued, first.size());
    client.queue.pop_front();
  }
  watch(client);
  return !client.leaving || !client.queue.empty();
}

void AttachServer::output(const std::string& app, bool errors, std::string_view bytes) {
  for (auto& [fd, client] : clients_) {
    if (client.app != app || !(errors ? client.errors : client.output)) continue;
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::string_view part = rest.substr(0, kMaxAttachData);
      send(client, errors ? AttachKind::kErrors : AttachKind::kOutput, part);
      rest.remove_prefix(part.size());
    }
  }
  forget_gone();
}

Result<> AttachServer::input_has_room(const std::string& app) {
  for (auto& [fd, client] : clients_) {
    if (!client.paused || client.app != app) continue;
    client.paused = false;
    watch(client);
  }
  return {};
}

void AttachServer::end(const std::string& app) {
  for (auto& [fd, client] : clients_)
    if (client.app == app) send_last(client, AttachKind::kEnded);
  forget_gone();
}

void AttachServer::flush(Nanoseconds at_most) {
  const Nanoseconds deadline = monotonic_now() + at_most;
  while (true) {
    std::vector<pollfd> waiting;
    for (const auto& [fd, client] : clients_)
      if (!client.queue.empty()) waiting.push_back({fd, POLLOUT, 0});
    const Nanoseconds left = deadline - monotonic_now();
    if (waiting.empty() || left <= 0) return;
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(left / 1'000'000) + 1) <= 0) return;
    for (const pollfd& entry : waiting)
      if (entry.revents != 0 && !send_queued(clients_.at(entry.fd))) forget(entry.fd);
  }
}

}  // namespace agena::stage1
