#include "stage0/stage1_client/crossing.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/contract/env.h"
#include "common/sys/fs.h"
#include "common/sys/side_thread.h"
#include "common/sys/spawn.h"
#include "stage0/stage1_client/stage1_root.h"

namespace agena::stage0 {
namespace {

// Of what an entrypoint says; the rest is thrown away.
constexpr std::size_t kMostWords = 64U << 10U;

// Takes what is in the pipe at the moment; false at its end.
Result<bool> take_words(int pipe, std::string& words) {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t n = ::read(pipe, buffer.data(), buffer.size());
    if (n == 0) return false;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n < 0) return sys_fail("hearing from stage1");
    words.append(buffer.data(),
                 std::min<std::size_t>(static_cast<std::size_t>(n), kMostWords - words.size()));
  }
}

struct Ended {
  bool in_time = true;
  sys::ExitStatus status;
  std::string words;
};

// Ends with the child, and not with the pipe, which a process that it left behind may hold open.
Result<Ended> wait_for(sys::Child& child, int pipe, Nanoseconds at_most) {
  Ended ended;
  const Nanoseconds deadline = monotonic_now() + at_most;
  bool open = true;
  while (true) {
    std::array entries = {pollfd{child.fd().get(), POLLIN, 0}, pollfd{open ? pipe : -1, POLLIN, 0}};
    const Nanoseconds left = std::max<Nanoseconds>(0, deadline - monotonic_now());
    const timespec timeout{left / kSecond, left % kSecond};
    const int n = ::ppoll(entries.data(), entries.size(), &timeout, nullptr);
    if (n < 0 && errno != EINTR) return sys_fail("waiting for stage1");
    if (n == 0) ended.in_time = false;
    if (open) open = TRY(take_words(pipe, ended.words));
    if (n == 0) {
      TRY(sys::send_signal(child.fd(), SIGKILL));
      break;
    }
    if (n > 0 && entries[0].revents != 0) break;
  }
  ended.status = TRY(child.wait());
  if (open) TRY(take_words(pipe, ended.words));
  return ended;
}

std::unexpected<Error> failure(std::string_view entrypoint, const Ended& ended) {
  Stage1Words words = parse_stage1_words(ended.words, entrypoint);
  if (words.lines.empty())
    words.lines.push_back(fmt::format("it {} {}",
                                      ended.status.signalled ? "was killed by signal" : "failed with code",
                                      ended.status.value));
  Error error(ErrorKind::kSystem, join(words.lines, "; "));
  if (!words.hint.empty()) error = Error(std::move(error).with_hint(words.hint));
  return std::unexpected(
      std::move(error).with_context(fmt::format("the {} entrypoint of stage1", entrypoint)));
}

Result<std::vector<std::string>> spawn_crossing(const std::string& data_dir, const sys::DirFd& pod,
                                                const CrossingCall& crossing) {
  const std::string_view name = contract::entrypoint_row(crossing.call.entrypoint).name;
  const auto manifest = TRY(Stage1Manifest::read(pod));
  const Stage1Root at = TRY(open_stage1_root(data_dir, pod));
  const std::string root_path = TRY(sys::path_of_fd(at.root.get()));
  const Stage1Exec exec = TRY(resolve_stage1_call(manifest, at.root, root_path, at.pod, crossing.call));
  sys::Pipe pipe = TRY(sys::make_pipe());
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return sys_fail("making a pipe for stage1");
  const sys::UniqueFd nothing = TRY(sys::open_at(sys::at_cwd(), "/dev/null", O_RDWR));
  sys::SpawnPlan plan;
  plan.path = exec.program;
  plan.argv = exec.argv;
  plan.environment = TRY(crossing_environment(manifest, root_path, crossing.pid, crossing.app));
  plan.directory = &exec.pod;
  plan.fds = {
      {nothing.get(), STDIN_FILENO}, {nothing.get(), STDOUT_FILENO}, {pipe.write.get(), STDERR_FILENO}};
  // Whoever takes up an interrupted operation must not meet the rest of this one.
  plan.death_signal = SIGKILL;
  sys::Child child = TRY(sys::spawn(plan));
  pipe.write.reset();
  const Ended ended = TRY(wait_for(child, pipe.read.get(), crossing.at_most));
  if (!ended.in_time)
    return fail(ErrorKind::kBusy, "the {} entrypoint of stage1 did not end in time and was killed", name);
  if (!ended.status.success()) return failure(name, ended);
  std::vector<std::string> warnings = exec.warnings;
  std::ranges::move(parse_stage1_words(ended.words, name).lines, std::back_inserter(warnings));
  return warnings;
}

}  // namespace

Result<std::vector<std::string>> crossing_environment(const Stage1Manifest& stage1,
                                                      const std::string& root_path, pid_t pid,
                                                      const std::string& app) {
  namespace env = contract::env;
  return std::vector<std::string>{fmt::format("{}={}{}", env::kEnterCommand, root_path,
                                              TRY(stage1.path_of(contract::Entrypoint::kEnter))),
                                  fmt::format("{}={}", env::kEnterPid, pid),
                                  fmt::format("{}={}", env::kEnterApp, app),
                                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

Stage1Words parse_stage1_words(std::string_view text, std::string_view entrypoint) {
  constexpr std::string_view kHint = "hint: ";
  Stage1Words words;
  for (const std::string& line : split(text, '\n')) {
    std::string_view rest = line;
    for (const std::string_view name : {std::string_view("stage1"), entrypoint})
      if (rest.starts_with(name) && rest.substr(name.size()).starts_with(": ")) {
        rest.remove_prefix(name.size() + 2);
        break;
      }
    if (trim(rest).empty()) continue;
    if (rest.starts_with(kHint))
      words.hint = rest.substr(kHint.size());
    else
      words.lines.push_back(printable(rest));
  }
  return words;
}

Result<std::vector<std::string>> call_crossing(const std::string& data_dir, const sys::DirFd& pod,
                                               const CrossingCall& crossing) {
  if (!TRY(stage1_root_needs_mount(pod))) return spawn_crossing(data_dir, pod, crossing);
  std::vector<std::string> warnings;
  TRY(sys::run_in_side_thread([&]() -> Result<> {
    warnings = TRY(spawn_crossing(data_dir, pod, crossing));
    return {};
  }));
  return warnings;
}

}  // namespace agena::stage0
