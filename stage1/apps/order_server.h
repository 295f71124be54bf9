// Takes orders for a mutable pod: listens on its socket `control`, reads one order a connection, and sends
// the answer when there is one. A client that goes away does not take its order back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/listener.h"
#include "stage1/apps/order_protocol.h"

namespace agena::stage1 {

// Who waits for the end of an order. Answered once; dropped unanswered, it tells the client that the pod has
// ended.
class Client {
 public:
  explicit Client(sys::UniqueFd socket) : socket_(std::move(socket)) {}
  // Warnings that the answer is to carry.
  void warn(std::vector<std::string> warnings);
  void answer(const Result<>& result);

 private:
  sys::UniqueFd socket_;
  OrderAnswer answer_;
};
using ClientRef = std::shared_ptr<Client>;

class OrderServer {
 public:
  using Handler = std::function<Result<>(const Order& order, const ClientRef& client)>;

  // Replaces the socket that an earlier run of the pod left. `handler` must answer the client, now or later;
  // an error of its own ends the loop.
  static Result<std::unique_ptr<OrderServer>> open(sys::EventLoop& loop, const sys::DirFd& pod_dir,
                                                   Handler handler);
  ~OrderServer();
  OrderServer(const OrderServer&) = delete;
  OrderServer& operator=(const OrderServer&) = delete;

 private:
  OrderServer(sys::EventLoop& loop, sys::UniqueFd listener, Handler handler);
  Result<> accept();
  Result<> on_message(int fd);

  sys::EventLoop& loop_;
  sys::Listener listener_;
  Handler handler_;
  std::map<int, sys::UniqueFd> asking_;  // connections whose order has not been read yet
};

}  // namespace agena::stage1
