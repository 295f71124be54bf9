#include "common/sys/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>

namespace agena::sys {

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return sys_fail("creating an event loop");
  return EventLoop(std::move(epoll));
}

namespace {

Result<> control(const UniqueFd& epoll, int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll.get(), operation, fd, &event) != 0)
    return sys_fail("watching file descriptor {}", fd);
  return {};
}

}  // namespace

Result<> EventLoop::add(int fd, std::uint32_t events, Callback callback) {
  TRY(control(epoll_, EPOLL_CTL_ADD, fd, events));
  callbacks_[fd] = std::make_shared<Callback>(std::move(callback));
  return {};
}

Result<> EventLoop::change(int fd, std::uint32_t events) {
  return control(epoll_, EPOLL_CTL_MOD, fd, events);
}

void EventLoop::remove(int fd) {
  if (callbacks_.erase(fd) != 0)
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // may be closed already
}

void EventLoop::set_deadline(Nanoseconds monotonic, std::function<Result<>()> callback) {
  deadline_ = {monotonic, std::move(callback)};
}

EventLoop::TimerId EventLoop::add_timer(Nanoseconds monotonic, std::function<Result<>()> callback) {
  timers_[++last_timer_] = {monotonic, std::move(callback)};
  return last_timer_;
}

std::optional<Nanoseconds> EventLoop::next_time() const {
  auto next = deadline_ ? std::optional(deadline_->at) : std::nullopt;
  for (const auto& [id, timer] : timers_) next = std::min(next.value_or(timer.at), timer.at);
  return next;
}

int EventLoop::timeout_ms() const {
  const auto next = next_time();
  if (!next) return -1;
  // Rounded up, so that the loop does not spin through the last millisecond.
  const Nanoseconds left = std::max<Nanoseconds>(0, *next - monotonic_now());
  return static_cast<int>(std::min<Nanoseconds>((left + 999'999) / 1'000'000, INT32_MAX));
}

Result<> EventLoop::fire_deadline() {
  if (!deadline_ || monotonic_now() < deadline_->at) return {};
  const auto callback = std::move(deadline_->callback);
  deadline_.reset();
  return callback();
}

// In the order of their times; a callback may add and remove timers.
Result<> EventLoop::fire_timers() {
  const Nanoseconds now = monotonic_now();
  while (!quit_ && !timers_.empty()) {
    const auto next = std::ranges::min_element(timers_, {}, [](const auto& row) { return row.second.at; });
    if (next->second.at > now) break;
    const auto callback = std::move(next->second.callback);
    timers_.erase(next);
    TRY(callback());
  }
  return {};
}

Result<> EventLoop::run() {
  quit_ = false;
  std::array<epoll_event, 32> events{};
  while (!quit_) {
    const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms());
    if (n < 0 && errno != EINTR) return sys_fail("waiting for events");
    for (int i = 0; i < n && !quit_; ++i) {
      const auto it = callbacks_.find(events.at(static_cast<std::size_t>(i)).data.fd);
      if (it == callbacks_.end()) continue;  // removed by an earlier callback of this round
      const std::shared_ptr<Callback> callback = it->second;
      TRY((*callback)(events.at(static_cast<std::size_t>(i)).events));
    }
    TRY(fire_deadline());
    TRY(fire_timers());
  }
  return {};
}

}  // namespace agena::sys
