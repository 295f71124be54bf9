// A third party's stage1, as small as the contract allows: no isolation, one app, chroot and exec. A mutable
// pod is a process that waits; its apps are processes beside it, with nothing mounted in their roots. It
// knows of the engine what docs/stage1-contract.md says and nothing more, and records how it is called, for
// the contract suite.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/entrypoints.h"
#include "common/contract/env.h"
#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"

extern char** environ;

namespace agena::stub {
namespace {

namespace paths = contract::pod_paths;
using contract::EntrypointCall;

// A file beside the program: stage0 does not pass every variable to every entrypoint.
Result<std::string> read_own_file(const std::string& name) {
  const std::string program = TRY(sys::read_link(sys::at_cwd(), "/proc/self/exe"));
  return sys::read_file(sys::at_cwd(), program.substr(0, program.rfind('/')) + "/" + name);
}

// Adds lines to the record, whose path stands in such a file. Without it nothing is recorded.
Result<> record(const std::string& text) {
  const auto path = read_own_file("record");
  if (!path) return {};
  const sys::UniqueFd fd = TRY(sys::open_at(sys::at_cwd(), *path, O_WRONLY | O_CREAT | O_APPEND, 0644));
  return sys::write_all(fd.get(), text);
}

// Whether the descriptor of the environment is open, is the pod directory, and holds its lock: another open
// file description of the directory must not get it.
std::string lock_facts() {
  const char* text = std::getenv(contract::env::kLockFd);
  const auto number = parse_int(text == nullptr ? "" : text, 0, INT32_MAX);
  if (!number) return "unset";
  if (::flock(static_cast<int>(*number), LOCK_EX | LOCK_NB) != 0) return "closed";
  const auto other = sys::open_dir(".");
  if (!other) return "no pod directory";
  return ::flock(other->get(), LOCK_SH | LOCK_NB) == 0 ? "unlocked" : "locked";
}

Result<> record_call(const std::string& name, const std::vector<std::string>& args) {
  std::string text = "call " + name + "\n";
  for (const std::string& arg : args) text += "arg " + arg + "\n";
  std::array<char, 4096> directory{};
  text +=
      std::string("cwd ") + (::getcwd(directory.data(), directory.size()) == nullptr ? "" : directory.data());
  text += "\n";
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::string_view(*variable).starts_with("RKT_")) text += std::string("env ") + *variable + "\n";
  if (name == "run") text += "lock " + lock_facts() + "\n";
  return record(text);
}

Result<> become(const std::string& root, const std::vector<std::string>& command) {
  if (::chroot(root.c_str()) != 0 || ::chdir("/") != 0) return sys_fail("entering '{}'", root);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execve(argv.front(), argv.data(), environ);
  return sys_fail("starting '{}'", command.front());
}

Result<json_text::Json> read_manifest(const std::string& path) {
  return json_text::parse(TRY(sys::read_file(sys::at_cwd(), path)));
}

// The app's name and words, from the pod manifest.
struct App {
  std::string name;
  std::vector<std::string> exec;
};

Result<App> app_of(const json_text::Json& app) {
  App found{.name = app.value("name", ""), .exec = {}};
  for (const auto& word : app.at("app").at("exec")) found.exec.push_back(word.get<std::string>());
  if (found.exec.empty()) return fail(ErrorKind::kInvalidInput, "app '{}' has nothing to run", found.name);
  return found;
}

Result<App> only_app() {
  const auto pod = TRY(read_manifest(paths::kManifest));
  const auto apps = pod.find("apps");
  if (apps == pod.end() || apps->size() != 1)
    return fail(ErrorKind::kUnsupported, "this stage1 runs one app");
  return app_of(apps->front());
}

Result<App> app_named(const std::string& name, const std::string& manifest) {
  const auto pod = TRY(read_manifest(manifest));
  if (pod.contains("apps"))
    for (const auto& app : pod.at("apps"))
      if (app.value("name", "") == name) return app_of(app);
  return fail(ErrorKind::kNotFound, "'{}' has no app '{}'", manifest, name);
}

// Says that apps may be managed, and lives until it is told to end. The file `mode` beside the program makes
// it "fail" before that, or be "slow" for ever.
Result<> run_mutable() {
  const std::string mode = read_own_file("mode").value_or("");
  if (mode == "fail") return fail(ErrorKind::kUnsupported, "this pod shall not start");
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  log::info("the pod waits");
  // Where apps are attached is seen from the root of this process.
  if (::chroot(paths::kStage1Root) != 0 || ::chdir("/") != 0) return sys_fail("entering the pod");
  if (mode != "slow")
    TRY(sys::make_symlink(paths::kSupervisorReady, sys::at_cwd(), paths::kSupervisorStatus));
  int signal = 0;
  ::sigwait(&ends, &signal);
  log::info("the pod ends");
  return {};
}

Result<> run(const EntrypointCall& call) {
  const sys::DirFd pod = TRY(sys::open_dir("."));
  TRY(contract::write_pid_file(pod, paths::kPid, ::getpid()));
  if (call.flag("mutable")) return run_mutable();
  const App app = TRY(only_app());
  return become(paths::app_root(app.name), app.exec);
}

// The app's root is mounted where only the pod sees it.
Result<> enter(const EntrypointCall& call) {
  return become("/proc/" + call.value("pid") + "/root", call.operands);
}

// What leaves nothing on the host needs no collecting.
Result<> do_nothing(const EntrypointCall& /*call*/) { return {}; }

// Apps of a pod that come and go: a file in the pod directory for each that was added, with the process id of
// one that runs.

std::string app_file(const std::string& app) { return "stub-" + app; }

// Root of the app in the pod, as the host sees it.
Result<std::string> app_root_of(const EntrypointCall& call) {
  const char* pid = std::getenv(contract::env::kEnterPid);
  if (pid == nullptr) return fail(ErrorKind::kInvalidInput, "no process id in the environment");
  return std::string("/proc/") + pid + "/root/" + paths::app_root_in_stage1(call.value("app"));
}

Result<> app_add(const EntrypointCall& call) {
  const App app = TRY(app_named(call.value("app"), call.value("manifest", paths::kManifest)));
  if (TRY(sys::list_dir(sys::at_cwd(), TRY(app_root_of(call)))).empty())
    return fail(ErrorKind::kNotFound, "app '{}' has no root", app.name);
  return sys::write_file(sys::at_cwd(), app_file(app.name), "");
}

// Whoever inherits it may leave an ended process unreaped.
bool is_alive(std::int64_t pid) {
  const auto stat = sys::read_file(sys::at_cwd(), fmt::format("/proc/{}/stat", pid));
  return stat && !stat->substr(stat->rfind(')') + 1).starts_with(" Z");
}

Result<std::int64_t> running_app(const EntrypointCall& call) {
  const std::string text = TRY(sys::read_file(sys::at_cwd(), app_file(call.value("app"))));
  if (text.empty()) return 0;
  const std::int64_t pid = TRY(parse_int(text, 1, INT32_MAX));
  return is_alive(pid) ? pid : 0;
}

Result<> app_start(const EntrypointCall& call) {
  if (TRY(running_app(call)) != 0) return {};
  const App app = TRY(app_named(call.value("app"), paths::kManifest));
  const char* pod = std::getenv(contract::env::kEnterPid);
  const sys::DirFd root = TRY(sys::open_dir(TRY(app_root_of(call))));
  const sys::UniqueFd mounts =
      TRY(sys::open_at(sys::at_cwd(), std::string("/proc/") + pod + "/ns/mnt", O_RDONLY));
  const pid_t child = ::fork();
  if (child < 0) return sys_fail("starting a process");
  if (child == 0) {
    if (::setsid() < 0 || ::setns(mounts.get(), 0) != 0 || ::fchdir(root.get()) != 0) ::_exit(1);
    (void)become(".", app.exec);
    ::_exit(1);
  }
  return sys::write_file(sys::at_cwd(), app_file(app.name), std::to_string(child));
}

Result<> app_stop(const EntrypointCall& call) {
  const auto pid = static_cast<pid_t>(TRY(running_app(call)));
  if (pid == 0) return {};
  const Nanoseconds limit = monotonic_now() + TRY(parse_duration(call.value("time", "10s")));
  (void)::kill(pid, SIGTERM);
  while (is_alive(pid)) {
    if (monotonic_now() > limit) (void)::kill(pid, SIGKILL);
    ::usleep(1000);
  }
  return {};
}

Result<> app_rm(const EntrypointCall& call) {
  const std::string file = app_file(call.value("app"));
  if (!TRY(sys::exists(sys::at_cwd(), file))) return {};
  const auto pid = static_cast<pid_t>(TRY(running_app(call)));
  if (pid != 0) (void)::kill(pid, SIGKILL);
  return sys::remove_file(sys::at_cwd(), file);
}

Result<> app_update(const EntrypointCall& call) {
  (void)TRY(app_named(call.value("app"), call.value("manifest")));
  return {};
}

// Misbehaves as the file beside the record says: "ENTRYPOINT hang", or "ENTRYPOINT fail".
Result<> misbehave(const std::string& name) {
  const auto path = read_own_file("record");
  const auto faults = path ? sys::read_file(sys::at_cwd(), *path + ".faults") : Result<std::string>("");
  if (!faults) return {};
  for (const std::string& line : split(*faults, '\n')) {
    if (line == name + " hang")
      while (true) ::pause();
    if (line == name + " fail") {
      log::warning("about to fail");
      return std::unexpected(Error(ErrorKind::kSystem, "told to fail").with_hint("tell it not to"));
    }
  }
  return {};
}

Result<> stop(const EntrypointCall& call) {
  for (const std::string& name : TRY(sys::list_dir(sys::at_cwd()))) {
    const auto text =
        name.starts_with("stub-") ? sys::read_file(sys::at_cwd(), name) : Result<std::string>("");
    const auto app = text && !text->empty() ? parse_int(*text, 1, INT32_MAX) : Result<std::int64_t>(0);
    if (app && *app != 0) (void)::kill(static_cast<pid_t>(*app), SIGKILL);
  }
  const auto pid = TRY(contract::read_pid_file(TRY(sys::open_dir(".")), paths::kPid));
  if (!pid) return fail(ErrorKind::kNotFound, "no pid");
  if (::kill(*pid, call.flag("force") ? SIGKILL : SIGTERM) != 0) return sys_fail("signalling {}", *pid);
  return {};
}

struct Row {
  contract::Entrypoint value;
  Result<> (*call)(const EntrypointCall& call);
};
constexpr std::array kRows = {Row{contract::Entrypoint::kRun, run},
                              Row{contract::Entrypoint::kEnter, enter},
                              Row{contract::Entrypoint::kGc, do_nothing},
                              Row{contract::Entrypoint::kStop, stop},
                              Row{contract::Entrypoint::kAppAdd, app_add},
                              Row{contract::Entrypoint::kAppStart, app_start},
                              Row{contract::Entrypoint::kAppStop, app_stop},
                              Row{contract::Entrypoint::kAppRm, app_rm},
                              Row{contract::Entrypoint::kAppUpdate, app_update}};

Result<> dispatch(const std::string& name, const std::vector<std::string>& args) {
  TRY(record_call(name, args));
  TRY(misbehave(name));
  for (const Row& row : kRows)
    if (contract::entrypoint_row(row.value).name == name)
      return row.call(TRY(contract::parse_call(row.value, args)));
  return fail(ErrorKind::kUnsupported, "no entrypoint '{}'", name);
}

}  // namespace
}  // namespace agena::stub

int main(int argc, char** argv) {
  agena::log::init("stub", agena::log::Level::kInfo);
  const std::string path = argc > 0 ? argv[0] : "";
  const auto done = agena::stub::dispatch(path.substr(path.rfind('/') + 1), {argv + 1, argv + argc});
  if (done) return agena::contract::kExitSuccess;
  agena::log::error(done.error());
  return agena::contract::kExitFailure;
}
