// The units of a pod: default.target pulls in one service per app
// (in a mutable pod the agent only, which starts them: stage1/bus/manager); halt.target, which the supervisor
// starts by SIGRTMIN+3, conflicts with all of them, so that they are stopped in their grace periods.
// poweroff.target (SIGRTMIN+4) asks the supervisor for that.
#pragma once

#include <string>
#include <vector>

#include "stage1/plan/resources.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// Where units, plans and the hub are, inside the pod.
inline constexpr const char* kUnitDir = "run/systemd/system";
inline constexpr const char* kPlanDir = "run/agena/plan";
// The programs of this image that run in the pod.
inline constexpr const char* kStage2Program = "/stage2";
inline constexpr const char* kBusProgram = "/usr/lib/agena/stage1/bus";
// The agent of a mutable pod; no app can have a name with a dot.
inline constexpr const char* kManagerUnit = "pod.manager.service";

// Name of an app's service.
std::string service_unit(const std::string& app);

// File that leads to the mount namespace of an app that came into a running pod, in the pod's root, without a
// leading slash.
std::string app_mounts_file(const std::string& app);

// Socket by which an app says that it is ready, in the pod's root, without a leading slash; and where the app
// sees it. In /dev, which is no part of its root: nothing is left there, and no volume covers it.
std::string notify_socket(const std::string& app);
inline constexpr const char* kAppNotifySocket = "/dev/agena/notify";

struct NamedFile {
  std::string name;
  std::string text;
};

// Path of a launch plan inside the pod's root, without a leading slash: the app itself, or the handler of a
// role.
std::string plan_path(const std::string& app, std::string_view role);

// The units of every pod: default.target, halt.target, poweroff.target and what it starts; of a mutable
// pod the agent too.
std::vector<NamedFile> static_units(const Pod& pod);
// APP.service, with what the pod's systemd is to enforce where it has the controllers (cgroup v2).
// In a mutable pod an app may be started again and again, with another file each time.
NamedFile app_unit(const PodApp& app, const CgroupLimits& limits = {}, bool is_mutable = false);

}  // namespace agena::stage1
