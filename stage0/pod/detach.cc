#include "stage0/pod/detach.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "common/sys/pidfd.h"
#include "common/sys/spawn.h"
#include "common/sys/unix_socket.h"
#include "stage0/pod/pod.h"
#include "stage0/pod/pod_watch.h"
#include "stage0/pod/status.h"
#include "stage0/pod/stop.h"

namespace agena::stage0 {
namespace {

// What the process that becomes the pod says, or its maker: a message each, a letter and a text.
enum class Tag : char {
  kProcess = 'P',  // with a pidfd of it; no text
  kWarning = 'W',
  kUuid =
      'U',  // the pod's roots are mounted, the exec is next; the end of the messages tells that it succeeded
  kHint = 'H',   // of the error that follows
  kError = 'E',  // its kind as a byte, then its text
};

constexpr std::size_t kMostText = 32U << 10U;

void tell(int channel, Tag tag, std::string_view text, std::span<const int> fds = {}) {
  std::string message(1, static_cast<char>(tag));
  message += text.substr(0, kMostText);
  // If the caller is gone there is nobody to be told; the pod goes on.
  (void)sys::send_message(channel, message, fds);
}

void tell_error(int channel, const Error& error) {
  if (!error.hint().empty()) tell(channel, Tag::kHint, error.hint());
  tell(channel, Tag::kError, std::string(1, static_cast<char>(error.kind())) + error.to_string());
}

// Standard error of the pod until it is ready. Afterwards it is sealed: the pod's writes fail, and neither
// block, nor raise a signal, nor fill memory, as they would with a pipe or a file.
class StartMessages {
 public:
  static Result<StartMessages> make() {
    sys::UniqueFd fd(::memfd_create("agena-start-messages", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return sys_fail("making a file for the messages of a pod");
    return StartMessages(std::move(fd));
  }

  int fd() const { return fd_.get(); }
  void close() const {
    (void)::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  }

  // The last lines, joined to one.
  std::string text() const {
    const off_t size = std::max<off_t>(0, ::lseek(fd_.get(), 0, SEEK_END));
    std::string bytes(std::min(static_cast<std::size_t>(size), kMostText), '\0');
    const ssize_t n = ::pread(fd_.get(), bytes.data(), bytes.size(), size - static_cast<off_t>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    std::vector<std::string> lines;
    for (const std::string& line : split(bytes, '\n'))
      if (!line.empty()) lines.push_back(printable(line));
    return join(lines, "; ");
  }

 private:
  explicit StartMessages(sys::UniqueFd fd) : fd_(std::move(fd)) {}
  sys::UniqueFd fd_;
};

// Gives this process streams that lead nowhere, or to the messages, and closes everything else but the
// channel, which gets a number of its own.
Result<int> let_go(int channel, int messages) {
  constexpr int kChannel = STDERR_FILENO + 1;
  const sys::UniqueFd null = TRY(sys::open_at(sys::at_cwd(), "/dev/null", O_RDWR));
  for (const auto& [from, to] : {std::pair{null.get(), STDIN_FILENO}, std::pair{null.get(), STDOUT_FILENO},
                                 std::pair{messages, STDERR_FILENO}})
    if (::dup2(from, to) < 0) return sys_fail("redirecting the streams of a pod");
  if (channel != kChannel && ::dup3(channel, kChannel, O_CLOEXEC) < 0) return sys_fail("moving a socket");
  if (::close_range(kChannel + 1, ~0U, 0) != 0) return sys_fail("closing the descriptors of the caller");
  return kChannel;
}

// The process that becomes the pod; returns only if it could not.
int become_pod(int channel, int messages, const std::function<Result<PodLaunch>()>& launch) {
  const auto become = [&]() -> Result<> {
    (void)::setsid();
    channel = TRY(let_go(channel, messages));
    PodLaunch pod = TRY(launch());
    for (const std::string& warning : pod.warnings) tell(channel, Tag::kWarning, warning);
    tell(channel, Tag::kUuid, pod.uuid.str());
    return std::unexpected(hand_over(std::move(pod)));
  };
  const auto failed = become();
  tell_error(channel, failed.error());
  return contract::kExitFailure;
}

// Starts that process as a child of nobody in particular: when it ends, some init reaps it. It can be killed
// from the first message on, which is there when this returns.
Result<> start(int channel, int messages, const std::function<Result<PodLaunch>()>& launch) {
  sys::Child between = TRY(sys::fork_child([&]() -> int {
    auto pod = sys::fork_child([&] { return become_pod(channel, messages, launch); });
    if (!pod) {
      tell_error(channel, pod.error());
      return contract::kExitFailure;
    }
    tell(channel, Tag::kProcess, "", std::array{pod->fd().get()});
    pod->detach();
    return contract::kExitSuccess;
  }));
  TRY(between.wait());
  return {};
}

// What became of it.
class Start {
 public:
  explicit Start(Nanoseconds timeout) : limit_(timeout) {}

  // Until the pod's process has become stage1, or said why not.
  Result<> listen(int channel) {
    std::string hint;
    while (true) {
      auto message = sys::receive_message(channel, 2 * kMostText, left());
      if (!message && message.error().kind() == ErrorKind::kBusy)
        return fail(ErrorKind::kBusy, "the pod does not start in time");
      if (!message) return std::unexpected(std::move(message).error());
      if (!*message) break;
      sys::Message& told = **message;
      const std::string_view text = std::string_view(told.bytes).substr(1);
      switch (static_cast<Tag>(told.bytes.front())) {
        case Tag::kProcess:
          if (!told.fds.empty()) process_ = sys::PidFd(told.fds.front().release());
          break;
        case Tag::kWarning:
          warnings_.emplace_back(text);
          break;
        case Tag::kUuid:
          uuid_ = TRY(Uuid::parse(text));
          break;
        case Tag::kHint:
          hint = text;
          break;
        case Tag::kError:
          return std::unexpected(error_of(text, std::move(hint)));
      }
    }
    if (uuid_) return {};
    return fail(ErrorKind::kInternal, "the process that was to become the pod has ended without a word");
  }

  Result<> wait_ready(const Pods& pods) {
    Pod pod = TRY(Pod::open(pods, *uuid_));
    if (TRY(wait_for_pod(pod, WaitFor::kReady, left()))) return {};
    return fail(ErrorKind::kBusy, "pod '{}' is not ready in time", uuid_->str());
  }

  // Ends a pod that nobody will have.
  void give_up(const Engine& engine, const Pods& pods) const {
    if (uuid_) {
      if (auto pod = Pod::open(pods, *uuid_)) (void)stop_pod(engine, *pod, {.force = true});
    }
    if (process_) (void)sys::send_signal(process_, SIGKILL);
    if (process_) (void)sys::wait_for_end(process_, kSecond);
  }

  DetachedPod result() && { return {*std::move(uuid_), std::move(warnings_)}; }

 private:
  Nanoseconds left() const { return *limit_.left(); }

  static Error error_of(std::string_view text, std::string hint) {
    const auto kind = text.empty() ? ErrorKind::kInternal : static_cast<ErrorKind>(text.front());
    Error error(kind, std::string(text.empty() ? text : text.substr(1)));
    if (hint.empty()) return error;
    return std::move(error).with_hint(std::move(hint));
  }

  WaitLimit limit_;
  sys::PidFd process_;
  std::optional<Uuid> uuid_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<DetachedPod> launch_detached(const Engine& engine, const std::function<Result<PodLaunch>()>& launch,
                                    Nanoseconds timeout) {
  const StartMessages messages = TRY(StartMessages::make());
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  Start attempt(timeout);
  TRY(start(theirs.get(), messages.fd(), launch));
  // From here on only the pod's process holds the other end.
  theirs.reset();
  auto started = attempt.listen(ours.get());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  if (started) started = attempt.wait_ready(pods);
  if (started) {
    messages.close();
    return std::move(attempt).result();
  }
  attempt.give_up(engine, pods);
  const std::string said = messages.text();
  if (said.empty()) return std::unexpected(std::move(started).error());
  Error error(started.error().kind(), fmt::format("{}: {}", started.error().to_string(), said));
  if (started.error().hint().empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_hint(started.error().hint()));
}

}  // namespace agena::stage0
