#include "stage1/units/pod_units.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "common/stage2/launch_plan.h"
#include "stage1/units/socket_units.h"
#include "stage1/units/unit_file.h"

namespace agena::stage1 {

std::string plan_path(const std::string& app, std::string_view role) {
  return fmt::format("{}/{}.{}.json", kPlanDir, app, role);
}

std::string service_unit(const std::string& app) { return app + ".service"; }

std::string app_mounts_file(const std::string& app) { return "run/agena/mounts/" + app; }

std::string notify_socket(const std::string& app) { return "run/agena/notify-" + app; }

namespace {

// What the pod starts by itself: the apps, or the sockets that start them; of a mutable pod the agent that
// starts them when it is told to.
std::vector<std::string> units_at_start(const Pod& pod) {
  if (pod.options.is_mutable) return {kManagerUnit};
  std::vector<std::string> units;
  for (const PodApp& app : pod.apps)
    if (listens_in_pod(pod, app))
      std::ranges::move(socket_unit_names(app), std::back_inserter(units));
    else
      units.push_back(service_unit(app.name()));
  return units;
}

// Ends at once when the pod halts: it has nothing to finish.
NamedFile manager_unit() {
  UnitFile unit;
  unit.section("Unit")
      .set("Description", "Agent of the supervisor")
      .set("DefaultDependencies", "no")
      .set("Before", "halt.target")
      .set("Conflicts", "halt.target")
      .set("StartLimitIntervalSec", "0");
  unit.section("Service")
      .set("Type", "simple")
      .set("Slice", "-.slice")
      .set("Restart", "always")
      .set("RestartSec", "100ms")  // not at once, lest one that fails keeps the pod busy
      .set("KillSignal", "SIGKILL")
      .command("ExecStart", {kBusProgram, "manager"});
  return {kManagerUnit, unit.text()};
}

}  // namespace

std::vector<NamedFile> static_units(const Pod& pod) {
  UnitFile start;
  start.section("Unit").set("Description", "Apps of pod " + pod.uuid.str()).set("DefaultDependencies", "no");
  // Wants, not Requires: an app that cannot start must not take the others' jobs along; the supervisor
  // decides about them.
  const std::vector<std::string> units = units_at_start(pod);
  for (const std::string& unit : units) start.set("Wants", unit);
  for (const std::string& unit : units) start.set("After", unit);
  UnitFile halt;
  halt.section("Unit")
      .set("Description", "Stop of the pod")
      .set("DefaultDependencies", "no")
      .set("AllowIsolate", "yes");
  // SIGRTMIN+4 to PID 1, as machinectl poweroff sends it. Not halt.target itself: apps that systemd stops
  // unasked would count as failed, so the supervisor hears of it first. No app can have a name with a dot.
  UnitFile poweroff;
  poweroff.section("Unit")
      .set("Description", "Stop of the pod, asked for from outside")
      .set("DefaultDependencies", "no")
      .set("Wants", "pod.stop.service");
  UnitFile stop;
  stop.section("Unit").set("Description", "Request to stop the pod").set("DefaultDependencies", "no");
  stop.section("Service")
      .set("Type", "oneshot")
      .set("Slice", "-.slice")
      .command("ExecStart", {kStage2Program, "--stop-pod"});
  std::vector<NamedFile> files = {{"default.target", start.text()},
                                  {"halt.target", halt.text()},
                                  {"pod.stop.service", stop.text()},
                                  {"poweroff.target", poweroff.text()}};
  if (pod.options.is_mutable) files.push_back(manager_unit());
  return files;
}

namespace {

std::vector<std::string> stage2_command(const PodApp& app, std::string_view role) {
  return {kStage2Program, "/" + plan_path(app.name(), role)};
}

// systemd's time spans: "10", "0.5"; 0 would be no limit.
std::string seconds_text(Nanoseconds time) {
  constexpr Nanoseconds kMilli = kSecond / 1000;
  const Nanoseconds millis = std::max<Nanoseconds>(time / kMilli, 1);
  if (millis % 1000 == 0) return fmt::format("{}", millis / 1000);
  return fmt::format("{}.{:03}", millis / 1000, millis % 1000);
}

std::string image_name(const PodApp& app) {
  return app.runtime.image.name ? app.runtime.image.name->str() : app.runtime.image.id.str();
}

}  // namespace

namespace {

struct DiskDirective {
  const char* name;
  std::optional<std::int64_t> DiskLimit::* member;
};
constexpr std::array kDiskDirectives = {
    DiskDirective{"IOReadBandwidthMax", &DiskLimit::read_bps},
    DiskDirective{"IOWriteBandwidthMax", &DiskLimit::write_bps},
    DiskDirective{"IOReadIOPSMax", &DiskLimit::read_iops},
    DiskDirective{"IOWriteIOPSMax", &DiskLimit::write_iops},
};

// systemd.resource-control(5). Without a controller its directives do nothing.
void add_limits(UnitFile& unit, const CgroupLimits& limits) {
  if (limits.memory) unit.set("MemoryMax", std::to_string(*limits.memory));
  // The kernel kills one process, the app decides what that means; systemd would stop the app.
  if (limits.count_memory) unit.set("MemoryAccounting", "yes").set("OOMPolicy", "continue");
  // Its unit is a hundredth of a CPU.
  if (limits.cpu_millis)
    unit.set("CPUQuota", fmt::format("{}.{}%", *limits.cpu_millis / 10, *limits.cpu_millis % 10));
  if (limits.cpu_shares) unit.set("CPUWeight", std::to_string(weight_of_shares(*limits.cpu_shares)));
  if (limits.pids) unit.set("TasksMax", std::to_string(*limits.pids));
  for (const DiskLimit& disk : limits.disks)
    for (const DiskDirective& directive : kDiskDirectives)
      // A path of this form systemd does not look up, so the pod needs no node of the disk.
      if (disk.*directive.member)
        unit.set(directive.name,
                 fmt::format("/dev/block/{}:{} {}", disk.major, disk.minor, *(disk.*directive.member)));
}

}  // namespace

NamedFile app_unit(const PodApp& app, const CgroupLimits& limits, bool is_mutable) {
  UnitFile unit;
  unit.section("Unit")
      .set("Description", fmt::format("Application={} Image={}", app.name(), image_name(app)))
      .set("DefaultDependencies", "no")
      .set("Before", "halt.target")
      .set("Conflicts", "halt.target");
  const bool restarts = app.life.restart.when != life::RestartPolicy::When::kNo;
  // The supervisor bounds the restarts; systemd shall not.
  if (restarts) unit.set("StartLimitIntervalSec", "0");
  // systemd forgets it when it has ended, so that its next start reads the file that is there then; and it
  // may be started as often as one likes.
  if (is_mutable) unit.set("CollectMode", "inactive-or-failed");
  if (is_mutable && !restarts) unit.set("StartLimitIntervalSec", "0");
  unit.section("Service")
      .set("Type", "simple")
      .set("Slice", "-.slice")
      .set("TimeoutStartSec", "infinity")
      .set("TimeoutStopSec", seconds_text(app.life.stop_timeout.value_or(life::kStopTimeout)))
      .set("KillMode", "mixed");
  if (!app.life.stop_signal.empty()) unit.set("KillSignal", app.life.stop_signal);
  if (restarts) {
    // Always: whether and when an app starts again is the supervisor's answer to the condition.
    unit.set("Restart", "always").set("RestartSec", "0");
    unit.command("ExecCondition", {kStage2Program, "--admit", app.name()});
  }
  add_limits(unit, limits);
  if (schema::find_event_handler(app.app, schema::AppEvent::kPreStart) != nullptr)
    unit.command("ExecStartPre", stage2_command(app, "pre-start"));
  unit.command("ExecStart", stage2_command(app, "app"));
  if (schema::find_event_handler(app.app, schema::AppEvent::kPostStop) != nullptr)
    // "-": systemd leaves out the commands behind a failing one, and the end of the app must be recorded all
    // the same.
    unit.set("ExecStopPost", "-" + command_line(stage2_command(app, "post-stop")));
  if (restarts) {
    // One that cannot tell is made up for by the next run.
    unit.command("ExecStopPost", {kStage2Program, "--record", app.name()});
  } else {
    // The kernel may kill the recorder, in an app's cgroup that is out of memory; without the account the pod
    // would wait for ever. As a rule the pod's end is quicker than the second one.
    unit.set("ExecStopPost", "-" + command_line({kStage2Program, "--record", app.name()}));
    unit.command("ExecStopPost", {kStage2Program, "--record-again", app.name()});
  }
  return {service_unit(app.name()), unit.text()};
}

}  // namespace agena::stage1
