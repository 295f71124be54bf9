#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "common/stage2/step_bodies.h"
#include "common/sys/tty.h"
#include "common/sys/unix_socket.h"

namespace agena::stage2 {
namespace {

// How long the supervisor may take to answer; generous, for machines where many pods start at once.
constexpr Nanoseconds kHubTimeout = 60 * kSecond;

struct StreamRow {
  int fd;
  StreamMode Stdio::* mode;
  HubStream stream;
  int open_flags;  // of /dev/null
};
constexpr std::array kStreams = {
    StreamRow{STDIN_FILENO, &Stdio::input, HubStream::kStdin, O_RDONLY},
    StreamRow{STDOUT_FILENO, &Stdio::output, HubStream::kStdout, O_WRONLY},
    StreamRow{STDERR_FILENO, &Stdio::error, HubStream::kStderr, O_WRONLY},
};

Result<> put_in_place(int from, int to) {
  // dup2(2) leaves the copy without close-on-exec.
  if (::dup2(from, to) < 0) return sys_fail("putting a stream in the place of descriptor {}", to);
  return {};
}

Result<> open_null(const StreamRow& row) {
  const sys::UniqueFd null = TRY(sys::open_at(sys::at_cwd(), "/dev/null", row.open_flags));
  return put_in_place(null.get(), row.fd);
}

// What the hub is asked for; the terminal once, however many streams are on it.
std::vector<HubStream> wanted_streams(const Stdio& stdio) {
  std::vector<HubStream> wanted;
  for (const StreamRow& row : kStreams) {
    const StreamMode mode = stdio.*row.mode;
    if (mode == StreamMode::kHub) wanted.push_back(row.stream);
    if (mode == StreamMode::kTty && std::ranges::find(wanted, HubStream::kTty) == wanted.end())
      wanted.push_back(HubStream::kTty);
  }
  return wanted;
}

// The hub's descriptor for a stream, or -1 if it comes from elsewhere.
int from_hub(const StreamRow& row, StreamMode mode, const std::vector<HubStream>& wanted,
             const std::vector<sys::UniqueFd>& fds) {
  if (mode != StreamMode::kHub && mode != StreamMode::kTty) return -1;
  const auto it = std::ranges::find(wanted, mode == StreamMode::kTty ? HubStream::kTty : row.stream);
  return it == wanted.end() ? -1 : fds[static_cast<std::size_t>(it - wanted.begin())].get();
}

Result<HubDescriptors> ask_hub(LaunchState& state, const std::vector<HubStream>& wanted) {
  const LaunchPlan& plan = state.plan;
  if (plan.hub_socket.empty()) return HubDescriptors();
  state.hub = TRY(HubClient::connect(plan.hub_socket, kHubTimeout));
  return state.hub->open_streams({.app = plan.app, .role = plan.role, .pid = ::getpid(), .streams = wanted});
}

// Sockets stand from descriptor 3 on (sd_listen_fds(3)); what is there moves out of their way first.
Result<> place_sockets(LaunchState& state, HubDescriptors got) {
  if (got.sockets.empty()) return {};
  constexpr int kFirst = STDERR_FILENO + 1;
  got.streams.clear();
  const int end = kFirst + static_cast<int>(got.sockets.size());
  TRY(state.hub->move_above(end));
  for (sys::UniqueFd& socket : got.sockets) socket = TRY(sys::duplicate(socket.get(), end));
  for (int fd = kFirst; fd < end; ++fd)
    if (::dup3(got.sockets[static_cast<std::size_t>(fd - kFirst)].get(), fd, O_CLOEXEC) < 0)
      return sys_fail("putting a socket in the place of descriptor {}", fd);
  announce_sockets(state, got.socket_names);
  return {};
}

}  // namespace

Result<> open_standard_streams(LaunchState& state) {
  TRY(sys::fill_standard_streams());
  const std::vector<HubStream> wanted = wanted_streams(state.plan.stdio);
  HubDescriptors got = TRY(ask_hub(state, wanted));
  for (const StreamRow& row : kStreams) {
    const StreamMode mode = state.plan.stdio.*row.mode;
    if (mode == StreamMode::kNull) TRY(open_null(row));
    const int fd = from_hub(row, mode, wanted, got.streams);
    if (fd < 0) continue;
    TRY(put_in_place(fd, row.fd));
    state.hub_streams.push_back(row.fd);
  }
  return place_sockets(state, std::move(got));
}

Result<> take_terminal(LaunchState& state) {
  for (const StreamRow& row : kStreams)
    if (state.plan.stdio.*row.mode == StreamMode::kTty) return sys::take_controlling_terminal(row.fd);
  return {};
}

Result<> give_streams_to_user(LaunchState& state) {
  // A program that opens /dev/stdout anew is checked against the owner of what is behind it.
  for (const int fd : state.hub_streams) {
    struct stat st{};
    if (::fstat(fd, &st) != 0) return sys_fail("descriptor {}", fd);
    if (st.st_uid != state.identity.uid && ::fchown(fd, state.identity.uid, static_cast<gid_t>(-1)) != 0)
      return sys_fail("changing the owner of descriptor {} to {}", fd, state.identity.uid);
  }
  return {};
}

Result<> mark_descriptors(LaunchState& state) {
  std::set<int> kept(state.options.keep_fds.begin(), state.options.keep_fds.end());
  for (int i = 0; i < state.listen_fds; ++i) kept.insert(STDERR_FILENO + 1 + i);
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd <= STDERR_FILENO) continue;
    TRY(sys::set_cloexec(fd, false));
    const auto number = static_cast<unsigned>(fd);
    if (number > first && ::close_range(first, number - 1, CLOSE_RANGE_CLOEXEC) != 0)
      return sys_fail("marking descriptors from {} to {}", first, number - 1);
    first = number + 1;
  }
  if (::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    return sys_fail("marking descriptors from {} on", first);
  return {};
}

}  // namespace agena::stage2
