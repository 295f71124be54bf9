#include "stage0/pod/pod_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace agena::stage0 {
namespace {

// IN_CLOSE_NOWRITE of the directory itself tells that one who had it open, and may have held its lock, let
// go.
constexpr std::uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF | IN_CLOSE_NOWRITE;
constexpr Nanoseconds kWithoutWatch = kSecond / 50;
// The kernel sends the close event just before it frees the lock (fs/file_table.c: __fput), so a look right
// after the event may come too early.
constexpr Nanoseconds kAfterEvent = kSecond / 1000;
// Nothing is known that the watch misses; this bounds what is not known.
constexpr Nanoseconds kSafetyNet = 2 * kSecond;

// Reads the waiting events; whether one of them matters. Somebody closing a file in the directory does not:
// the watcher's owner does that itself when it looks around.
bool drain(const sys::UniqueFd& inotify) {
  bool matters = false;
  alignas(inotify_event) std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(inotify.get(), buffer.data(), buffer.size())) > 0;) {
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(n);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      matters = matters || event.len == 0 || (event.mask & IN_CLOSE_NOWRITE) == 0;
      at += sizeof event + event.len;
    }
  }
  return matters;
}

}  // namespace

std::optional<Nanoseconds> WaitLimit::left() const {
  if (!deadline_) return std::nullopt;
  return std::max<Nanoseconds>(0, *deadline_ - monotonic_now());
}

PodWatch::PodWatch(std::span<const int> directories) : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  for (const int directory : directories) add(directory);
}

void PodWatch::add(int directory, std::uint32_t more_events) {
  if (!inotify_ ||
      ::inotify_add_watch(inotify_.get(), sys::proc_fd_path(directory).c_str(), kEvents | more_events) < 0)
    complete_ = false;
}

Result<bool> PodWatch::wait(const WaitLimit& limit) {
  const auto left = limit.left();
  if (left && *left == 0) return false;
  Nanoseconds pause = complete_ ? kSafetyNet : kWithoutWatch;
  if (just_woken_) pause = kAfterEvent;
  if (left) pause = std::min(pause, *left);
  const timespec timeout{pause / kSecond, pause % kSecond};
  pollfd entry{inotify_.get(), POLLIN, 0};
  const int n = ::ppoll(&entry, inotify_ ? 1 : 0, &timeout, nullptr);
  if (n < 0 && errno != EINTR) return sys_fail("waiting for a pod");
  just_woken_ = n > 0 && drain(inotify_);
  return true;
}

}  // namespace agena::stage0
