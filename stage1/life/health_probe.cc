#include "stage1/life/health_probe.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "common/stage2/launch_plan.h"
#include "common/stage2/steps.h"
#include "common/sys/cgroup.h"
#include "common/sys/fs.h"
#include "stage1/enter/run_in_pod.h"
#include "stage1/run/service_cgroup.h"
#include "stage1/units/pod_units.h"

namespace agena::stage1 {
namespace {

// As much of the output as is kept.
constexpr std::size_t kMostOutput = 4096;

// Where the program finds the cgroup.procs that the check moves itself to.
constexpr int kProcsFd = 3;
// A check that was killed is gone after microseconds; this is for one that is being started just then.
constexpr Nanoseconds kKillAgain = kSecond / 100;
constexpr int kMostKills = 100;

// What the check runs as; `enter`'s grammar wants an operand.
std::vector<std::string> argv_of(const std::string& app, pid_t init) {
  return {kHealthProgram, fmt::format("--pid={}", init), "--appname=" + app, "--", "check"};
}

}  // namespace

Result<std::unique_ptr<HealthProbe>> HealthProbe::start(sys::EventLoop& loop, const PodPlace& place,
                                                        const std::string& app, Nanoseconds timeout,
                                                        Done done) {
  // Fails when the app's own cgroup is gone: it has just ended.
  const std::string path = service_cgroup(*place.cgroup, app) + "/health";
  TRY(sys::make_dir(*place.cgroup, path));
  const sys::UniqueFd procs = TRY(sys::open_at(*place.cgroup, path + "/cgroup.procs", O_WRONLY));
  const sys::UniqueFd self = TRY(sys::open_at(sys::at_cwd(), "/proc/self/exe", O_PATH));
  const sys::UniqueFd null = TRY(sys::open_at(sys::at_cwd(), "/dev/null", O_RDONLY));
  sys::Pipe pipe = TRY(sys::make_pipe());
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return sys_fail("preparing a health check");
  auto child = TRY(sys::spawn({.path = {},
                               .program = &self,
                               .argv = argv_of(app, place.init),
                               .environment = std::vector<std::string>(),
                               .fds = {{null.get(), STDIN_FILENO},
                                       {pipe.write.get(), STDOUT_FILENO},
                                       {pipe.write.get(), STDERR_FILENO},
                                       {procs.get(), kProcsFd}},
                               .join = {},
                               .death_signal = SIGKILL}));
  std::unique_ptr<HealthProbe> probe(
      new HealthProbe(loop, place, path, std::move(pipe.read), std::move(child), std::move(done)));
  TRY(probe->watch(timeout));
  return probe;
}

HealthProbe::HealthProbe(sys::EventLoop& loop, const PodPlace& place, std::string cgroup,
                         sys::UniqueFd output, sys::Child child, Done done)
    : loop_(loop),
      place_(place),
      cgroup_(std::move(cgroup)),
      output_(std::move(output)),
      child_(std::move(child)),
      done_(std::move(done)) {}

HealthProbe::~HealthProbe() {
  loop_.remove_timer(timer_);
  if (output_) loop_.remove(output_.get());
  if (child_.fd()) {
    loop_.remove(child_.fd().get());
    // Our child must outlive the check, which is its child: orphans would not be the pod's to reap, and the
    // pod could not end before somebody reaps them.
    for (int i = 0; i < kMostKills; ++i) {
      kill_all();
      if (sys::wait_for_end(child_.fd(), kKillAgain).value_or(true)) break;
    }
  }
}

Result<> HealthProbe::watch(Nanoseconds timeout) {
  TRY(loop_.add(output_.get(), EPOLLIN, [this](std::uint32_t) { return on_output(); }));
  TRY(loop_.add(child_.fd().get(), EPOLLIN, [this](std::uint32_t) { return on_end(); }));
  kill_at(monotonic_now() + timeout);
  return {};
}

void HealthProbe::kill_at(Nanoseconds time) {
  timer_ = loop_.add_timer(time, [this]() -> Result<> {
    timed_out_ = true;
    kill_all();
    kill_at(monotonic_now() + kKillAgain);
    return {};
  });
}

// The directory stays where processes have not left it yet; the next check uses it again, or systemd removes
// it with the app's.
void HealthProbe::kill_all() const {
  if (const auto killed = sys::kill_cgroup(*place_.cgroup, cgroup_); !killed)
    log::debug("health check: {}", killed.error().to_string());
  (void)::unlinkat(place_.cgroup->get(), cgroup_.c_str(), AT_REMOVEDIR);
}

// One part of the output; false at its end, or if there is none yet.
bool HealthProbe::read_output() {
  std::array<char, 4096> buffer{};
  errno = 0;
  const ssize_t n = ::read(output_.get(), buffer.data(), buffer.size());
  if (n > 0) text_.append(buffer.data(), static_cast<std::size_t>(n));
  if (text_.size() > kMostOutput) text_.erase(0, text_.size() - kMostOutput);
  return n > 0;
}

Result<> HealthProbe::on_output() {
  // Not watched any more once everybody has closed it, which would wake the loop for ever.
  if (!read_output() && errno != EAGAIN && errno != EINTR) loop_.remove(output_.get());
  return {};
}

Result<> HealthProbe::on_end() {
  loop_.remove(child_.fd().get());
  loop_.remove(output_.get());
  loop_.remove_timer(timer_);
  const sys::ExitStatus status = TRY(child_.wait());
  kill_all();
  // What is left in the pipe; a descendant that lives on a little must not keep us here.
  constexpr int kMostParts = 32;
  for (int i = 0; i < kMostParts && read_output(); ++i) {
  }
  output_.reset();
  if (timed_out_) text_ += "the check did not end in time and was killed\n";
  const Done done = std::move(done_);
  const std::string text = std::move(text_);
  return done(status.success() && !timed_out_, text);
}

namespace {

// The check moves into its cgroup, and becomes what its plan says.
int become_check(const stage2::LaunchPlan& plan, const sys::UniqueFd& procs) {
  if (const auto moved = sys::write_all(procs.get(), "0"); !moved) {
    log::error(moved.error());
    return contract::kExitFailure;
  }
  const stage2::LaunchFailure failure = stage2::launch(plan);
  log::write(log::Level::kError, failure.text);
  return failure.exit_code;
}

}  // namespace

Result<int> run_health_check(const contract::EntrypointCall& call) {
  const sys::UniqueFd procs(kProcsFd);
  TRY(sys::set_cloexec(procs.get(), true));
  const auto pid = static_cast<pid_t>(TRY_CTX(parse_int(call.value("pid"), 1, INT32_MAX), "--pid"));
  const sys::PidFd init = TRY_CTX(sys::open_pidfd(pid), "entering the pod");
  const sys::DirFd pod_root = TRY(sys::open_dir(sys::at_cwd(), fmt::format("/proc/{}/root", pid), O_PATH));
  const std::string path = plan_path(call.value("appname"), "health");
  const auto plan =
      TRY_CTX(stage2::parse_launch_plan(TRY(sys::read_file(pod_root, path))), "file '/{}'", path);
  return run_in_pod(init, std::nullopt, [&](bool) { return become_check(plan, procs); });
}

}  // namespace agena::stage1
