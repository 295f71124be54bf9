#include "stage1/apps/manager_link.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <vector>

#include "common/base/log.h"
#include "common/sys/unix_socket.h"

namespace agena::stage1 {
namespace {

constexpr int kMostSends = 2;

}  // namespace

Result<> ManagerLink::connected(sys::UniqueFd connection) {
  if (connection_) TRY(lost());
  // An agent that does not read must not hold up the supervisor.
  const int flags = ::fcntl(connection.get(), F_GETFL);
  if (flags < 0 || ::fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return sys_fail("preparing the connection to the pod's agent");
  TRY(loop_.add(connection.get(), EPOLLIN, [this](std::uint32_t events) { return on_event(events); }));
  connection_ = std::move(connection);
  return send_waiting();
}

void ManagerLink::start_unit(std::string unit, Done done) {
  give({.id = 0, .verb = ManagerVerb::kStart, .unit = std::move(unit), .signal = 0}, std::move(done));
}

void ManagerLink::stop_unit(std::string unit, Done done) {
  give({.id = 0, .verb = ManagerVerb::kStop, .unit = std::move(unit), .signal = 0}, std::move(done));
}

void ManagerLink::kill_unit(std::string unit, int signal, Done done) {
  give({.id = 0, .verb = ManagerVerb::kKill, .unit = std::move(unit), .signal = signal}, std::move(done));
}

void ManagerLink::reload(Done done) {
  give({.id = 0, .verb = ManagerVerb::kReload, .unit = {}, .signal = 0}, std::move(done));
}

void ManagerLink::give(ManagerOrder order, Done done) {
  order.id = ++last_id_;
  waiting_.insert(order.id);
  orders_.emplace(order.id, Order{std::move(order), std::move(done)});
  // What cannot be sent stays waiting; a broken connection is noticed by the loop.
  if (const auto sent = send_waiting(); !sent) log::debug("agent: {}", sent.error().to_string());
}

Result<> ManagerLink::send_waiting() {
  while (connection_ && !wants_room_ && !waiting_.empty()) {
    const auto next = waiting_.begin();
    Order& order = orders_.at(*next);
    const auto sent = sys::send_message(connection_.get(), render_manager_order(order.order));
    if (!sent && sent.error().sys_errno() != EAGAIN) return {};  // broken
    if (!sent) {
      wants_room_ = true;
      return loop_.change(connection_.get(), EPOLLIN | EPOLLOUT);
    }
    ++order.sent;
    waiting_.erase(next);
  }
  return {};
}

Result<> ManagerLink::on_event(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && wants_room_) {
    wants_room_ = false;
    TRY(loop_.change(connection_.get(), EPOLLIN));
    TRY(send_waiting());
  }
  if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return {};
  const auto message = sys::receive_message(connection_.get(), kMaxManagerMessage, 0);
  if (!message && message.error().kind() == ErrorKind::kBusy) return {};
  if (!message || !*message) return lost();
  const auto answer = parse_manager_answer((*message)->bytes);
  if (answer) return on_answer(*answer);
  log::warning("the pod's agent is not understood: {}", answer.error().to_string());
  return lost();
}

Result<> ManagerLink::on_answer(const ManagerAnswer& answer) {
  const auto found = orders_.find(answer.id);
  if (found == orders_.end()) return {};
  const Done done = std::move(found->second.done);
  waiting_.erase(answer.id);
  orders_.erase(found);
  return done(answer.result);
}

void ManagerLink::drop() {
  if (connection_) loop_.remove(connection_.get());
  connection_.reset();
  wants_room_ = false;
}

// The agent is gone; systemd starts it again. Whether a kill was carried out nobody knows, and a second one
// might meet a process that has nothing to do with it.
Result<> ManagerLink::lost() {
  drop();
  log::debug("the connection to the pod's agent has broken");
  std::vector<Done> failed;
  for (auto it = orders_.begin(); it != orders_.end();) {
    Order& order = it->second;
    if (order.sent < kMostSends && (order.sent == 0 || order.order.verb != ManagerVerb::kKill)) {
      waiting_.insert(it->first);
      ++it;
    } else {
      failed.push_back(std::move(order.done));
      waiting_.erase(it->first);
      it = orders_.erase(it);
    }
  }
  const Result<> answer = fail(ErrorKind::kBusy, "the pod's agent ended before it had answered; try again");
  for (const Done& done : failed) TRY(done(answer));
  return {};
}

}  // namespace agena::stage1
