// A third party's stage1, as small as the contract allows: no isolation, one app, chroot and exec. A mutable
// pod is a process that waits; its apps are taken note of, and never run. It knows of the engine what
// docs/stage1-contract.md says and nothing more, and records how it is called, for the contract suite.
#include <fcntl.h>
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

// The app's name and words, from the pod manifest.
struct App {
  std::string name;
  std::vector<std::string> exec;
};

Result<App> only_app() {
  const auto pod = TRY(json_text::parse(TRY(sys::read_file(sys::at_cwd(), paths::kManifest))));
  const auto apps = pod.find("apps");
  if (apps == pod.end() || apps->size() != 1)
    return fail(ErrorKind::kUnsupported, "this stage1 runs one app");
  const auto& app = apps->front();
  App found{.name = app.value("name", ""), .exec = {}};
  for (const auto& word : app.at("app").at("exec")) found.exec.push_back(word.get<std::string>());
  if (found.exec.empty()) return fail(ErrorKind::kInvalidInput, "app '{}' has nothing to run", found.name);
  return found;
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
  const sys::DirFd root = TRY(sys::open_dir(paths::kStage1Root));
  if (mode != "slow") TRY(sys::make_symlink(paths::kSupervisorReady, root, paths::kSupervisorStatus));
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

// What leaves nothing on the host needs no collecting; and apps are only taken note of.
Result<> do_nothing(const EntrypointCall& /*call*/) { return {}; }

Result<> stop(const EntrypointCall& call) {
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
                              Row{contract::Entrypoint::kAppAdd, do_nothing},
                              Row{contract::Entrypoint::kAppStart, do_nothing},
                              Row{contract::Entrypoint::kAppStop, do_nothing},
                              Row{contract::Entrypoint::kAppRm, do_nothing},
                              Row{contract::Entrypoint::kAppUpdate, do_nothing}};

Result<> dispatch(const std::string& name, const std::vector<std::string>& args) {
  TRY(record_call(name, args));
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
