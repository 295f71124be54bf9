// What stage2 does before it becomes an app: one plan per program start, as data. Producers (both stage1
// flavours) write it, steps.h carries it out. The plan knows nothing of manifests, units or pods.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/caps.h"
#include "common/sys/rlimit.h"

namespace agena::stage2 {

// What the started program is to the app.
enum class Role { kApp, kPreStart, kPostStop, kHealth };

// How the app's root becomes "/".
enum class RootSwitch {
  kNone,       // stay in the caller's root
  kPivotRoot,  // own mount namespace, the old root is gone
  kChroot,     // fly: in the caller's mount namespace
  // A mount namespace that somebody has made, of which the program gets a copy: what it costs does not depend
  // on how much else is mounted in the pod.
  kMountNamespace,
};

// Where a standard stream comes from.
enum class StreamMode {
  kInherit,  // as stage2 got it
  kNull,     // /dev/null
  kHub,      // a pipe, asked from the supervisor's hub
  kTty,      // a terminal asked from the hub, which becomes the controlling one
};

struct Stdio {
  StreamMode input = StreamMode::kInherit;
  StreamMode output = StreamMode::kInherit;
  StreamMode error = StreamMode::kInherit;
  bool operator==(const Stdio&) const = default;
};

struct EnvironmentVariable {
  std::string name;
  std::string value;
  bool operator==(const EnvironmentVariable&) const = default;
};

struct LaunchPlan {
  std::string app;  // for messages and to the hub
  Role role = Role::kApp;

  // Directory whose tree becomes "/", as seen at start; with kMountNamespace the file that leads to the
  // namespace (nsfs). Empty with kNone only.
  std::string root;
  RootSwitch root_switch = RootSwitch::kNone;
  // The root itself cannot be written; what is mounted below it keeps its own mode.
  bool read_only_root = false;

  // Program and arguments, at least one. The program is looked up inside the new root: absolute; with a '/'
  // relative to working_directory; bare in the PATH of `environment`, or without one in working_directory,
  // /bin and /usr/bin.
  std::vector<std::string> argv;
  // The whole environment, in order; of two entries of one name the later wins.
  std::vector<EnvironmentVariable> environment;
  // Names of variables that are taken over from stage2's own environment where they are set (LISTEN_FDS and
  // its like; SERVICE_RESULT for handlers); `environment` wins. LISTEN_FDS keeps its descriptors open.
  std::vector<std::string> pass_environment;
  std::string working_directory = "/";  // absolute, inside the new root
  // Makes a missing working directory (0755 root), as docker's images expect; otherwise it is an error.
  bool create_working_directory = false;

  // A number; a name in the root's /etc/passwd or /etc/group; or an absolute path in the root: the owner of
  // that file. An empty user is root. An empty group is docker's rule: the user's primary group from
  // /etc/passwd (0 if it has no entry), and as supplementary groups those that list the user in /etc/group.
  std::string user = "0";
  std::string group = "0";
  std::vector<gid_t> supplementary_gids;

  std::vector<sys::ResourceLimit> limits;
  std::optional<int> oom_score_adjust;  // -1000 to 1000
  std::optional<int> nice;              // -20 to 19
  // Most capabilities that the program can ever have; root gets exactly them, others none. Absent: as stage2
  // has them.
  std::optional<sys::CapabilitySet> bounding_set;
  // The program can trace, and look into, only processes of its own; not on kernels without Landlock.
  bool private_processes = false;
  bool no_new_privileges = false;
  // Label and profile that the program runs under, as the kernel's attr/exec files take them; empty: none
  // set.
  std::string selinux_context;   // "user:role:type:level"
  std::string apparmor_profile;  // a loaded profile's name
  // Filter of its system calls (common/seccomp compiles it): an array of struct sock_filter, as bytes; empty:
  // none. A program of another user than root cannot gain privileges then, whatever no_new_privileges says.
  std::string seccomp_filter;

  Stdio stdio;
  // Path of the hub's socket before the root switch; empty: no hub (then no stream may ask for it).
  std::string hub_socket;
  // The hub is told what the steps took.
  bool trace = false;

  bool operator==(const LaunchPlan&) const = default;
};

// Version of the JSON form, member "version".
inline constexpr int kLaunchPlanVersion = 1;

// The plan as JSON, indented. An error if a text is not UTF-8 or the plan does not hold
// (validate_launch_plan).
Result<std::string> render_launch_plan(const LaunchPlan& plan);
// The inverse. Unknown members, another version and plans that do not hold are errors with JSON pointers.
Result<LaunchPlan> parse_launch_plan(std::string_view json);
// Whether the parts fit together: a program, absolute paths, a root if it is to be switched to, a hub if a
// stream asks for it, no NUL in any text.
Result<> validate_launch_plan(const LaunchPlan& plan);

}  // namespace agena::stage2
