#include "stage1/run/host_manager.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

// How long the end of a pod may wait for machined, in milliseconds.
constexpr int kEndPatience = 1000;
constexpr std::size_t kMaxMachineName = 64;  // hostname_is_valid() of systemd

bool there(const char* path) {
  const auto found = sys::exists(sys::at_cwd(), path);
  return found && *found;
}

// sd_booted(3).
bool host_runs_systemd() { return there("/run/systemd/system"); }
bool host_has_bus() { return there("/run/dbus/system_bus_socket"); }

// The program `bus` stands beside this one, and the loader that it was linked for beside it; a loader and
// libraries of the host's may be of another libc, or missing.
Result<sys::Child> start_bus(const std::vector<std::string>& words, bool debug, int death_signal = SIGKILL) {
  const std::string self = TRY(sys::read_link(sys::at_cwd(), "/proc/self/exe"));
  const std::string directory = self.substr(0, self.rfind('/') + 1);
  std::vector<std::string> argv = {"bus", "--inhibit-cache", directory + "bus"};
  if (debug) argv.emplace_back("--debug");
  argv.insert(argv.end(), words.begin(), words.end());
  return sys::spawn({.path = directory + "ld.so",
                     .argv = std::move(argv),
                     .environment = std::vector<std::string>(),
                     .fds = {},
                     .join = {},
                     .death_signal = death_signal});
}

Result<> run_bus(const std::vector<std::string>& words, bool debug) {
  sys::Child child = TRY(start_bus(words, debug));
  const sys::ExitStatus status = TRY(child.wait());
  if (status.success()) return {};
  return fail(ErrorKind::kSystem, "the bus program {} {}",
              status.signalled ? "was killed by signal" : "failed with code", status.value);
}

// What is left of the registration on disk; if it cannot be removed, gc asks once more than it needs to.
void forget_machine(const sys::DirFd& pod_dir) {
  if (const auto removed = sys::remove_file(pod_dir, paths::kMachine); !removed)
    log::debug("{}", removed.error().to_string());
}

// First part of a cgroup path that is no slice: the unit of the system's manager (systemd's
// cg_path_get_unit()).
std::string_view unit_in(std::string_view path) {
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (!part.empty() && !part.ends_with(".slice")) return part;
    at = end + 1;
  }
  return {};
}

}  // namespace

std::string managed_path(std::string_view proc_cgroup) {
  std::string v1;
  std::string v2;
  for (const std::string& line : split(proc_cgroup, '\n')) {
    // HIERARCHY:CONTROLLERS:PATH (cgroups(7)).
    const Cut number = cut(line, ':');
    const Cut controllers = cut(number.after, ':');
    if (!controllers.found) continue;
    const std::string_view path = controllers.after.substr(controllers.after.starts_with('/') ? 1 : 0);
    if (controllers.before == "name=systemd") v1 = path;
    if (controllers.before.empty()) v2 = path;
  }
  return v2.empty() ? v1 : v2;
}

bool wants_scope(std::string_view cgroup_path) {
  const std::string_view unit = unit_in(cgroup_path);
  // A user's manager is no service that was started for a pod; what it starts there ends with the user's
  // session.
  const bool session =
      (unit.starts_with("session-") && unit.ends_with(".scope")) || unit.starts_with("user@");
  return unit.empty() || unit == "init.scope" || session;
}

std::string scope_unit(std::string_view machine) {
  std::string unit = "machine-";
  for (const char c : machine) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    unit += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return unit + ".scope";
}

HostManager::HostManager(const sys::DirFd& pod_dir, Uuid uuid, std::string machine, bool debug)
    : pod_dir_(pod_dir),
      uuid_(std::move(uuid)),
      machine_(std::move(machine)),
      debug_(debug),
      systemd_(host_runs_systemd() && machine_.size() <= kMaxMachineName) {}

void HostManager::enter_scope() {
  if (!systemd_) return;
  const auto cgroups = sys::read_file(sys::at_cwd(), "/proc/self/cgroup");
  if (!cgroups || !wants_scope(managed_path(*cgroups))) return;
  const auto entered = run_bus(
      {"scope", scope_unit(machine_), "machine.slice", fmt::format("{}", ::getpid()), "Pod " + machine_},
      debug_);
  own_scope_ = entered.has_value();
  if (!entered)
    log::warning("warning: the pod has no scope unit and stays in the caller's cgroup: {}",
                 entered.error().to_string());
}

void HostManager::register_pod(sys::EventLoop& loop, pid_t leader) {
  if (!systemd_ || !host_has_bus()) return;
  if (const auto begun = begin_registration(loop, leader); !begun)
    log::warning("warning: the pod is not registered with systemd-machined: {}", begun.error().to_string());
}

Result<> HostManager::begin_registration(sys::EventLoop& loop, pid_t leader) {
  const std::string root = TRY(sys::path_of_fd(pod_dir_.get())) + "/" + paths::kStage1Root;
  // First, so that gc knows of it, whatever happens.
  TRY(sys::replace_file(pod_dir_, paths::kMachine, machine_));
  registered_ = true;
  registering_.emplace(
      TRY(start_bus({"register", machine_, uuid_.str(), fmt::format("{}", leader), root}, debug_)));
  loop_ = &loop;
  return loop.add(registering_->fd().get(), EPOLLIN, [this](std::uint32_t) -> Result<> {
    loop_->remove(registering_->fd().get());
    const auto status = registering_->wait();
    registering_.reset();
    if (status && status->success()) return {};
    // Why has been told.
    log::warning("warning: the pod is not registered with systemd-machined");
    registered_ = false;
    return sys::remove_file(pod_dir_, paths::kMachine);
  });
}

void HostManager::unregister_pod() {
  if (!registered_) return;
  registered_ = false;
  if (registering_) {
    loop_->remove(registering_->fd().get());
    registering_.reset();  // machined may be slow, and a pod that ends does not wait for it
  }
  // machined forgets a machine when its unit is gone. A unit of ours goes with us; another may last.
  if (own_scope_) {
    forget_machine(pod_dir_);
    return;
  }
  auto child = start_bus({"unregister", machine_}, debug_, 0);
  if (child)
    unregistering_.emplace(*std::move(child));
  else
    log::warning("warning: the pod stays registered with systemd-machined: {}", child.error().to_string());
}

void HostManager::finish() {
  if (!unregistering_) return;
  pollfd end{.fd = unregistering_->fd().get(), .events = POLLIN, .revents = 0};
  if (::poll(&end, 1, kEndPatience) != 1) {
    // It goes on by itself; if it fails, gc has the file.
    unregistering_->detach();
    return;
  }
  const auto status = unregistering_->wait();
  unregistering_.reset();
  if (status && status->success()) forget_machine(pod_dir_);
}

Result<> unregister_dead_pod(const sys::DirFd& pod_dir, bool debug) {
  const auto machine = sys::read_file(pod_dir, paths::kMachine, kMaxMachineName + 1);
  if (!machine && machine.error().kind() == ErrorKind::kNotFound) return {};
  if (!machine) return std::unexpected(machine.error());
  // After a reboot into something else there is nothing to be done.
  if (host_runs_systemd() && host_has_bus()) TRY(run_bus({"unregister", std::string(trim(*machine))}, debug));
  return sys::remove_file(pod_dir, paths::kMachine);
}

}  // namespace agena::stage1
