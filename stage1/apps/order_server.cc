#include "stage1/apps/order_server.h"

#include <sys/epoll.h>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/unix_socket.h"

namespace agena::stage1 {

void Client::warn(std::vector<std::string> warnings) {
  answer_.warnings.insert(answer_.warnings.end(), std::make_move_iterator(warnings.begin()),
                          std::make_move_iterator(warnings.end()));
}

void Client::answer(const Result<>& result) {
  if (!socket_) return;
  if (!result) answer_.error = result.error().to_string();
  // It may be gone; what was ordered is done all the same.
  (void)sys::send_message(socket_.get(), render_order_answer(answer_));
  socket_.reset();
}

OrderServer::OrderServer(sys::EventLoop& loop, sys::UniqueFd listener, Handler handler)
    : loop_(loop), listener_(std::move(listener)), handler_(std::move(handler)) {}

OrderServer::~OrderServer() {
  loop_.remove(listener_.get());
  for (const auto& [fd, connection] : asking_) loop_.remove(fd);
}

Result<std::unique_ptr<OrderServer>> OrderServer::open(sys::EventLoop& loop, const sys::DirFd& pod_dir,
                                                       Handler handler) {
  constexpr mode_t kOwnerMode = 0600;
  constexpr int kBacklog = 256;
  TRY(sys::remove_file(pod_dir, contract::pod_paths::kControl));
  sys::UniqueFd listener =
      TRY(sys::listen_seqpacket(pod_dir, contract::pod_paths::kControl, kOwnerMode, kBacklog));
  std::unique_ptr<OrderServer> server(new OrderServer(loop, std::move(listener), std::move(handler)));
  OrderServer* self = server.get();
  TRY(loop.add(self->listener_.get(), EPOLLIN, [self](std::uint32_t) { return self->accept(); }));
  return server;
}

Result<> OrderServer::accept() {
  auto connection = TRY(listener_.accept());
  if (!connection || TRY(sys::peer_credentials(connection->get())).uid != 0) return {};
  const int fd = connection->get();
  asking_.insert_or_assign(fd, std::move(*connection));
  return loop_.add(fd, EPOLLIN, [this, fd](std::uint32_t) { return on_message(fd); });
}

Result<> OrderServer::on_message(int fd) {
  const auto message = sys::receive_message(fd, kMaxOrderMessage, 0);
  loop_.remove(fd);
  sys::UniqueFd socket = std::move(asking_.at(fd));
  asking_.erase(fd);
  if (!message || !*message) return {};
  const auto client = std::make_shared<Client>(std::move(socket));
  const auto order = parse_order((*message)->bytes);
  if (order) return handler_(*order, client);
  client->answer(std::unexpected(order.error()));
  return {};
}

}  // namespace agena::stage1
