#include "stage1/iohub/app_input.h"

#include <sys/epoll.h>
#include <unistd.h>

namespace agena::stage1 {

AppInput::AppInput(sys::EventLoop& loop, std::function<Result<>()> on_space)
    : loop_(loop), on_space_(std::move(on_space)) {}

AppInput::~AppInput() { disconnect(); }

void AppInput::disconnect() {
  if (watched_) loop_.remove(fd_.get());
  watched_ = false;
  fd_.reset();
}

Result<> AppInput::watch(bool on) {
  if (on == watched_) return {};
  watched_ = on;
  if (on) return loop_.add(fd_.get(), EPOLLOUT, [this](std::uint32_t) { return write_some(); });
  loop_.remove(fd_.get());
  return {};
}

Result<> AppInput::connect(sys::UniqueFd fd) {
  disconnect();
  fd_ = std::move(fd);
  return write_some();
}

Result<> AppInput::push(std::string_view bytes) {
  if (closing_) return {};
  queue_.append(bytes);
  return write_some();
}

Result<> AppInput::close() {
  closing_ = true;
  return write_some();
}

Result<> AppInput::write_some() {
  if (!fd_) return {};
  const bool was_full = full();
  std::size_t done = 0;
  bool gone = false;
  while (done < queue_.size()) {
    const ssize_t n = ::write(fd_.get(), queue_.data() + done, queue_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    gone = n <= 0;  // EPIPE, EIO: the program does not read any more
    if (gone) break;
    done += static_cast<std::size_t>(n);
  }
  queue_.erase(0, gone ? queue_.size() : done);
  TRY(watch(!queue_.empty()));
  if (gone || (closing_ && queue_.empty())) disconnect();
  return was_full && !full() ? on_space_() : Result<>();
}

void AppInput::renew() {
  disconnect();
  queue_.clear();
  closing_ = false;
}

}  // namespace agena::stage1
