#include "stage1/iohub/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

void append_journal_field(std::string& entry, std::string_view name, std::string_view value) {
  entry.append(name);
  if (!value.contains('\n')) {
    entry.append("=").append(value).append("\n");
    return;
  }
  entry.append("\n");
  for (unsigned shift = 0; shift < 64; shift += 8)
    entry.push_back(static_cast<char>(std::uint64_t{value.size()} >> shift & 0xFFU));
  entry.append(value).append("\n");
}

int most_urgent(int priority) { return std::max(priority, LOG_CRIT); }

PrioritisedLine split_priority(std::string_view line, int otherwise) {
  const bool has_one =
      line.size() >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>';
  if (!has_one) return {otherwise, line};
  return {most_urgent(line[1] - '0'), line.substr(3)};
}

Result<std::unique_ptr<Journal>> Journal::open(sys::EventLoop& loop, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::kInvalidInput, "socket path '{}' is too long", printable(path));
  std::memcpy(address.sun_path, path.data(), path.size());
  sys::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return sys_fail("opening a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return std::unique_ptr<Journal>();
    return sys_fail("connecting to the journal");
  }
  // More room for a burst; the kernel caps it.
  const int size = 8 << 20;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return std::unique_ptr<Journal>(new Journal(loop, std::move(socket)));
}

Journal::~Journal() { watch(false); }

void Journal::watch(bool on) {
  if (on == watched_) return;
  watched_ = on;
  if (on)
    watched_ =
        loop_.add(socket_.get(), EPOLLOUT, [this](std::uint32_t) { return send_queued(); }).has_value();
  else
    loop_.remove(socket_.get());
}

// An entry that is too long for a datagram goes as a sealed file.
bool Journal::send_in_memory_file(const std::string& entry) {
  const sys::UniqueFd file(::memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || !sys::write_all(file.get(), entry)) return false;
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return false;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = file.get();
  std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) >= 0;
}

// False if the journal has no room now; an entry that it refuses is lost.
bool Journal::try_send(const std::string& entry) {
  while (::send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return false;
    if (errno == EMSGSIZE || errno == ENOBUFS) {
      if (send_in_memory_file(entry)) return true;
      if (errno == EAGAIN) return false;
    }
    lose(1);
    return true;
  }
  return true;
}

void Journal::lose(std::uint64_t entries) {
  if (!told_) log::warning("the host's journal does not keep up: lines are missing there");
  told_ = true;
  lost_ += entries;
}

void Journal::send(std::string entry) {
  if (queue_.empty() && try_send(entry)) return;
  if (queued_ + entry.size() > kMostQueued) return lose(1);
  queued_ += entry.size();
  queue_.push_back(std::move(entry));
  watch(true);
}

Result<> Journal::send_queued() {
  while (!queue_.empty() && try_send(queue_.front())) {
    queued_ -= queue_.front().size();
    queue_.pop_front();
  }
  watch(!queue_.empty());
  return {};
}

void Journal::flush(std::int64_t at_most_ms) {
  pollfd entry{socket_.get(), POLLOUT, 0};
  const Nanoseconds deadline = monotonic_now() + at_most_ms * 1'000'000;
  (void)send_queued();
  while (!queue_.empty() && monotonic_now() < deadline) {
    (void)::poll(&entry, 1, 10);
    (void)send_queued();
  }
  if (!queue_.empty()) lose(queue_.size());
  queue_.clear();
  watch(false);
  if (lost_ > 0) log::warning("{} lines did not reach the host's journal", lost_);
  lost_ = 0;
}

bool leads_into_journal(int fd, const char* journal_stream) {
  struct stat st{};
  if (journal_stream == nullptr || ::fstat(fd, &st) != 0) return false;
  return fmt::format("{}:{}", st.st_dev, st.st_ino) == journal_stream;
}

}  // namespace agena::stage1
