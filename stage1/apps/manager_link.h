// The supervisor's end of the connection to the agent in a mutable pod: orders to the pod's systemd, without
// a process per order.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "stage1/apps/manager_protocol.h"

namespace agena::stage1 {

class ManagerLink {
 public:
  // Called from the event loop with what became of an order; its error ends the loop.
  using Done = std::function<Result<>(const Result<>& answer)>;

  explicit ManagerLink(sys::EventLoop& loop) : loop_(loop) {}
  ~ManagerLink() { drop(); }
  ManagerLink(const ManagerLink&) = delete;
  ManagerLink& operator=(const ManagerLink&) = delete;

  // The agent has said hello on this connection, which takes the place of an older one. Orders that waited
  // are sent, and those that an older agent left unanswered once more, but for kills: these fail with kBusy,
  // as does what a second agent left unanswered.
  Result<> connected(sys::UniqueFd connection);
  bool is_connected() const { return static_cast<bool>(connection_); }

  // Orders wait while there is no agent. The answer is there when systemd has put the job into its queue, not
  // when the job has ended. `unit` is the full name, with ".service".
  void start_unit(std::string unit, Done done);
  // kNotFound if nothing of the unit runs, so that no end of it is to be waited for.
  void stop_unit(std::string unit, Done done);
  // To all processes of the unit; kNotFound if systemd does not know the unit.
  void kill_unit(std::string unit, int signal, Done done);
  // Makes systemd read all unit files again; answered when that is done.
  void reload(Done done);

 private:
  struct Order {
    ManagerOrder order;
    Done done;
    int sent = 0;  // how often
  };

  void give(ManagerOrder order, Done done);
  Result<> send_waiting();
  Result<> on_event(std::uint32_t events);
  Result<> on_answer(const ManagerAnswer& answer);
  void drop();
  Result<> lost();

  sys::EventLoop& loop_;
  sys::UniqueFd connection_;
  bool wants_room_ = false;  // the socket was full
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Order> orders_;  // unanswered
  std::set<std::uint64_t> waiting_;        // those of them that are to be sent
};

}  // namespace agena::stage1
