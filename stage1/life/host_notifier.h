// What the pod tells the service manager of the host that started it (sd_notify(3)); nothing where there is
// none.
// The sender is the main process of its unit, since stage0 has become this one by exec.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/event_loop.h"

namespace agena::stage1 {

class HostNotifier {
 public:
  // The loop must outlive it.
  explicit HostNotifier(sys::EventLoop& loop) : loop_(loop) {}
  ~HostNotifier() { loop_.remove_timer(watchdog_); }
  HostNotifier(const HostNotifier&) = delete;
  HostNotifier& operator=(const HostNotifier&) = delete;

  // Answers the manager's watchdog, if it wants that of this process, for as long as the loop runs.
  void answer_watchdog();
  // Sends a state ("READY=1"). That it does not arrive is told to the user, and no more.
  void tell(std::string_view state) const;
  // RELOADING=1, with the time stamp that goes with it.
  void tell_reloading() const;

 private:
  void send_alive(Nanoseconds interval);

  sys::EventLoop& loop_;
  sys::EventLoop::TimerId watchdog_ = 0;
};

}  // namespace agena::stage1
