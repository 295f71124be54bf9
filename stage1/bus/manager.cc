#include "stage1/bus/manager.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "common/base/cleanup.h"
#include "common/stage2/hub_protocol.h"
#include "common/sys/unix_socket.h"
#include "stage1/apps/manager_protocol.h"
#include "stage1/bus/bus.h"

namespace agena::stage1 {
namespace {

constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr const char* kSystemdPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr Nanoseconds kHubTimeout = 10 * kSecond;
// systemd puts jobs into its queue at once, but a busy host may keep it from running.
constexpr Nanoseconds kCallTimeout = 60 * kSecond;

class Agent {
 public:
  explicit Agent(ManagerAgentSetup setup) : setup_(std::move(setup)) {}

  Result<> run();

 private:
  struct Task;
  using Then = void (Agent::*)(Task& task, sd_bus_message* reply);
  // An order that is not answered yet.
  struct Task {
    Agent* agent;
    ManagerOrder order;
    Then then = nullptr;  // what goes on with the answer that is waited for
    bool begun = false;
    bool looked_again = false;
  };

  Result<> wait();
  Result<> process_bus();
  Result<bool> take_order();
  void begin_next_of(const std::string& unit);
  void begin(Task& task);
  void finish(Task& task, Result<> result);
  void finish(Task& task, sd_bus_message* reply);
  template <class... Args>
  void ask(Task& task, Then then, const char* path, const char* interface, const char* method,
           const char* types, Args... args);
  static int on_reply(sd_bus_message* reply, void* task, sd_bus_error* error);

  void start(Task& task);
  void on_found(Task& task, sd_bus_message* reply);
  void on_staleness(Task& task, sd_bus_message* reply);
  void on_reloaded(Task& task, sd_bus_message* reply);
  void on_started(Task& task, sd_bus_message* reply);
  void on_stopped(Task& task, sd_bus_message* reply);
  void on_still_found(Task& task, sd_bus_message* reply);
  void on_state(Task& task, sd_bus_message* reply);
  void finish_not_running(Task& task);

  ManagerAgentSetup setup_;
  std::optional<Bus> bus_;
  std::map<std::uint64_t, Task> tasks_;
  std::optional<Error> broken_;
};

bool is_no_such_unit(sd_bus_message* reply) {
  return sd_bus_message_is_method_error(reply, "org.freedesktop.systemd1.NoSuchUnit") != 0;
}

// systemd remembers which units a directory has until the directory's time changes. A kernel whose clock for
// that ticks in milliseconds may give two files the same time.
Result<> renew_time(const std::string& dir) {
  std::array<timespec, 2> times{};
  times[0].tv_nsec = UTIME_OMIT;
  if (::clock_gettime(CLOCK_REALTIME, &times[1]) != 0) return sys_fail("reading the clock");
  if (::utimensat(AT_FDCWD, dir.c_str(), times.data(), 0) != 0) return sys_fail("renewing '{}'", dir);
  return {};
}

Result<> Agent::run() {
  bus_ = TRY(Bus::connect_manager(setup_.manager_socket, kCallTimeout));
  while (true) {
    TRY(process_bus());
    TRY(wait());
    if (!TRY(take_order())) return {};
  }
}

Result<> Agent::process_bus() {
  int r = 0;
  do r = sd_bus_process(bus_->get(), nullptr);
  while (r > 0 && !broken_);
  if (broken_) return std::unexpected(*broken_);
  return r < 0 ? Result<>(bus_fail(r, "talking to systemd")) : Result<>();
}

Result<> Agent::wait() {
  const int fd = sd_bus_get_fd(bus_->get());
  const int events = sd_bus_get_events(bus_->get());
  std::uint64_t until = UINT64_MAX;  // of the monotonic clock, in microseconds
  const int r = sd_bus_get_timeout(bus_->get(), &until);
  if (fd < 0 || events < 0 || r < 0)
    return bus_fail(fd < 0 ? fd : events < 0 ? events : r, "talking to systemd");
  int wait_ms = -1;
  if (until != UINT64_MAX) {
    const auto now_us = static_cast<std::uint64_t>(monotonic_now() / 1000);
    wait_ms = until <= now_us
                  ? 0
                  : static_cast<int>(std::min<std::uint64_t>((until - now_us) / 1000 + 1, INT32_MAX));
  }
  std::array<pollfd, 2> waited = {pollfd{.fd = setup_.supervisor.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = fd, .events = static_cast<short>(events), .revents = 0}};
  if (::poll(waited.data(), waited.size(), wait_ms) < 0 && errno != EINTR)
    return sys_fail("waiting for orders");
  return {};
}

// False when the supervisor has closed its end.
Result<bool> Agent::take_order() {
  auto message = sys::receive_message(setup_.supervisor.get(), kMaxManagerMessage, 0);
  if (!message && message.error().kind() == ErrorKind::kBusy) return true;
  if (!message) return std::unexpected(std::move(message).error());
  if (!*message) return false;
  ManagerOrder order = TRY(parse_manager_order((*message)->bytes));
  const std::uint64_t id = order.id;
  const std::string unit = order.unit;
  tasks_.insert_or_assign(id, Task{.agent = this, .order = std::move(order)});
  begin_next_of(unit);
  return true;
}

// So that a stop which follows a start does not overtake it.
void Agent::begin_next_of(const std::string& unit) {
  const auto next =
      std::ranges::find_if(tasks_, [&](const auto& row) { return row.second.order.unit == unit; });
  if (next != tasks_.end() && !next->second.begun) begin(next->second);
}

// Calls a method of systemd, and goes on with `then` when it has answered.
template <class... Args>
void Agent::ask(Task& task, Then then, const char* path, const char* interface, const char* method,
                const char* types, Args... args) {
  task.then = then;
  if (const int r = sd_bus_call_method_async(bus_->get(), nullptr, kSystemd, path, interface, method,
                                             on_reply, &task, types, args...);
      r < 0)
    broken_ = bus_fail(r, "calling systemd").error();
}

int Agent::on_reply(sd_bus_message* reply, void* task, sd_bus_error* /*error*/) {
  Task& answered = *static_cast<Task*>(task);
  Agent& agent = *answered.agent;
  // Calls that a broken connection leaves unanswered come here too; another agent will ask again.
  if (sd_bus_is_open(agent.bus_->get()) > 0)
    (agent.*answered.then)(answered, reply);
  else
    agent.broken_ = Error(ErrorKind::kSystem, "systemd has closed the connection");
  return 0;
}

void Agent::begin(Task& task) {
  task.begun = true;
  const char* unit = task.order.unit.c_str();
  switch (task.order.verb) {
    case ManagerVerb::kStart:
      return ask(task, &Agent::on_found, kSystemdPath, kManager, "GetUnit", "s", unit);
    case ManagerVerb::kStop:
      return ask(task, &Agent::on_stopped, kSystemdPath, kManager, "StopUnit", "ss", unit, "replace");
    case ManagerVerb::kKill:
      return ask(task, &Agent::finish, kSystemdPath, kManager, "KillUnit", "ssi", unit, "all",
                 task.order.signal);
    case ManagerVerb::kReload:
      return ask(task, &Agent::finish, kSystemdPath, kManager, "Reload", "");
  }
}

// A unit that systemd has forgotten is read from its file when it is started. One that it remembers is
// started as it was, so it is asked whether the file has changed.
void Agent::on_found(Task& task, sd_bus_message* reply) {
  const char* path = nullptr;
  if (is_no_such_unit(reply) || sd_bus_message_read(reply, "o", &path) < 0) return start(task);
  ask(task, &Agent::on_staleness, path, "org.freedesktop.DBus.Properties", "Get", "ss", kUnit,
      "NeedDaemonReload");
}

void Agent::on_staleness(Task& task, sd_bus_message* reply) {
  int stale = 0;
  if (sd_bus_message_is_method_error(reply, nullptr) == 0 &&
      sd_bus_message_read(reply, "v", "b", &stale) >= 0 && stale != 0)
    return ask(task, &Agent::on_reloaded, kSystemdPath, kManager, "Reload", "");
  start(task);
}

void Agent::on_reloaded(Task& task, sd_bus_message* reply) {
  if (sd_bus_message_is_method_error(reply, nullptr) != 0) return finish(task, reply);
  start(task);
}

void Agent::start(Task& task) {
  ask(task, &Agent::on_started, kSystemdPath, kManager, "StartUnit", "ss", task.order.unit.c_str(),
      "replace");
}

void Agent::on_started(Task& task, sd_bus_message* reply) {
  if (!is_no_such_unit(reply) || task.looked_again) return finish(task, reply);
  task.looked_again = true;
  if (auto renewed = renew_time(setup_.unit_dir); !renewed) return finish(task, std::move(renewed));
  start(task);
}

// A stop takes the place of a start that systemd has not come to: nothing of the unit runs then, or will end.
void Agent::on_stopped(Task& task, sd_bus_message* reply) {
  if (is_no_such_unit(reply)) return finish_not_running(task);
  if (sd_bus_message_is_method_error(reply, nullptr) != 0) return finish(task, reply);
  ask(task, &Agent::on_still_found, kSystemdPath, kManager, "GetUnit", "s", task.order.unit.c_str());
}

void Agent::on_still_found(Task& task, sd_bus_message* reply) {
  const char* path = nullptr;
  if (is_no_such_unit(reply) || sd_bus_message_read(reply, "o", &path) < 0) return finish_not_running(task);
  ask(task, &Agent::on_state, path, "org.freedesktop.DBus.Properties", "Get", "ss", kUnit, "ActiveState");
}

void Agent::on_state(Task& task, sd_bus_message* reply) {
  const char* state = nullptr;
  if (sd_bus_message_is_method_error(reply, nullptr) != 0 || sd_bus_message_read(reply, "v", "s", &state) < 0)
    return finish_not_running(task);
  const std::string_view name(state);
  if (name == "inactive" || name == "failed") return finish_not_running(task);
  finish(task, Result<>());
}

void Agent::finish_not_running(Task& task) {
  finish(task, fail(ErrorKind::kNotFound, "unit '{}' does not run", task.order.unit));
}

void Agent::finish(Task& task, sd_bus_message* reply) {
  const sd_bus_error* error = sd_bus_message_get_error(reply);
  finish(task, error == nullptr ? Result<>() : Result<>(reply_fail(*error, task.order.unit)));
}

void Agent::finish(Task& task, Result<> result) {
  const std::string unit = task.order.unit;
  const std::string answer = render_manager_answer({task.order.id, std::move(result)});
  tasks_.erase(task.order.id);
  if (const auto sent = sys::send_message(setup_.supervisor.get(), answer); !sent) broken_ = sent.error();
  begin_next_of(unit);
}

}  // namespace

Result<> run_manager_agent(ManagerAgentSetup setup) { return Agent(std::move(setup)).run(); }

Result<sys::UniqueFd> join_supervisor(const std::string& hub_socket) {
  sys::UniqueFd connection =
      TRY_CTX(sys::connect_seqpacket(sys::at_cwd(), hub_socket, kHubTimeout), "reaching the pod's hub");
  TRY(sys::send_message(connection.get(), stage2::render_hub_request(stage2::HubManager())));
  return connection;
}

}  // namespace agena::stage1
