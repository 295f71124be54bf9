#include "stage1/iohub/output_queue.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace agena::stage1 {

OutputQueue::OutputQueue(sys::EventLoop& loop, int fd, std::function<Result<>()> on_space)
    : loop_(loop), fd_(fd), on_space_(std::move(on_space)) {}

OutputQueue::~OutputQueue() {
  if (watched_) loop_.remove(fd_);
}

Result<> OutputQueue::push(std::string_view bytes) {
  if (broken_) return {};
  queue_.append(bytes);
  return write_some(false);
}

Result<> OutputQueue::flush() { return write_some(true); }

Result<> OutputQueue::watch(bool on) {
  if (on == watched_) return {};
  watched_ = on;
  if (!on) {
    loop_.remove(fd_);
    return {};
  }
  return loop_.add(fd_, EPOLLOUT, [this](std::uint32_t) -> Result<> {
    const bool was_full = full();
    TRY(write_some(false));
    return was_full && !full() ? on_space_() : Result<>();
  });
}

Result<> OutputQueue::write_some(bool wait) {
  std::size_t done = 0;
  while (done < queue_.size() && !broken_) {
    pollfd entry{fd_, POLLOUT, 0};
    const int ready = ::poll(&entry, 1, wait ? -1 : 0);
    if (ready == 0) break;
    if (ready < 0 && errno == EINTR) continue;
    // A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)).
    const std::size_t piece = std::min<std::size_t>(queue_.size() - done, PIPE_BUF);
    const ssize_t n = ::write(fd_, queue_.data() + done, piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) broken_ = true;  // EPIPE, EIO of a vanished terminal, EBADF: nobody reads any more
    done += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  if (broken_) queue_.clear();
  queue_.erase(0, done);
  // Regular files always poll writable and so never need watching (epoll refuses them).
  return watch(!queue_.empty());
}

}  // namespace agena::stage1
