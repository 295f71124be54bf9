#include "stage1/iohub/output_queue.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

namespace agena::stage1 {
namespace {

bool never_waits(int fd) {
  struct stat st{};
  // A regular file takes everything at once (and epoll refuses to watch it).
  return ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

}  // namespace

OutputQueue::OutputQueue(sys::EventLoop& loop, int fd, std::function<Result<>()> on_space)
    : loop_(loop),
      fd_(fd),
      on_space_(std::move(on_space)),
      way_(never_waits(fd) ? Way::kWhole : Way::kNoWait) {}

OutputQueue::~OutputQueue() {
  if (watched_) loop_.remove(fd_);
}

// What write(2) gives; -1 with EAGAIN when it would have to wait.
ssize_t OutputQueue::write_piece(std::string_view bytes) {
  if (way_ == Way::kWhole) return ::write(fd_, bytes.data(), bytes.size());
  if (way_ == Way::kNoWait) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const ssize_t n = ::pwritev2(fd_, &part, 1, -1, RWF_NOWAIT);
    if (n >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)) return n;
    way_ = Way::kSmallPieces;  // terminals, and pipes before Linux 6.4
  }
  pollfd entry{fd_, POLLOUT, 0};
  const int ready = ::poll(&entry, 1, 0);
  if (ready == 0) errno = EAGAIN;
  if (ready <= 0) return -1;
  // A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)).
  return ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
}

// How much of the bytes the descriptor takes now.
std::size_t OutputQueue::write_now(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write_piece(bytes.substr(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      broken_ = true;  // EPIPE, EIO of a vanished terminal, EBADF: nobody reads any more
      return bytes.size();
    }
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void OutputQueue::drop_head(std::size_t count) {
  head_ += count;
  if (broken_) head_ = queue_.size();
  // Moving the rest to the front pays only now and then.
  if (head_ < queue_.size() && head_ < kLowWater) return;
  queue_.erase(0, head_);
  head_ = 0;
}

Result<> OutputQueue::push(std::string_view bytes) {
  if (broken_) return {};
  if (empty()) bytes.remove_prefix(write_now(bytes));
  queue_.append(bytes);
  told_full_ = told_full_ || full();
  return watch();
}

Result<> OutputQueue::on_writable() {
  drop_head(write_now(waiting()));
  TRY(watch());
  if (!told_full_ || waiting().size() > kLowWater) return {};
  told_full_ = false;
  return on_space_();
}

Result<> OutputQueue::flush(Patience patience) {
  constexpr Nanoseconds kMillisecond = 1'000'000;
  while (true) {
    drop_head(write_now(waiting()));
    const Nanoseconds left = patience.until - monotonic_now();
    if (empty()) return watch();
    if (left <= 0) return drop();
    const int timeout = patience.until == INT64_MAX ? -1 : static_cast<int>(left / kMillisecond) + 1;
    std::array<pollfd, 2> entries = {pollfd{fd_, POLLOUT, 0}, pollfd{patience.hurry, POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), timeout) < 0 && errno != EINTR)
      return sys_fail("waiting for the console");
    if (entries[1].revents == 0) continue;
    patience = {.hurry = -1, .until = std::min(patience.until, monotonic_now() + kHurry)};
  }
}

Result<> OutputQueue::drop() {
  broken_ = true;
  drop_head(0);
  TRY(watch());
  if (!std::exchange(told_full_, false)) return {};
  return on_space_();
}

Result<> OutputQueue::watch() {
  const bool wanted = !empty();
  if (wanted == watched_) return {};
  watched_ = wanted;
  if (wanted) return loop_.add(fd_, EPOLLOUT, [this](std::uint32_t) { return on_writable(); });
  loop_.remove(fd_);
  return {};
}

}  // namespace agena::stage1
