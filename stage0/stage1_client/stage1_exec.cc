#include "stage0/stage1_client/stage1_exec.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "common/sys/side_thread.h"
#include "common/sys/spawn.h"
#include "stage0/stage1_client/stage1_root.h"

namespace agena::stage0 {
namespace {

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

std::vector<char*> as_pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  // execve(2) takes char* for history's sake and does not write.
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<std::string> find_program(const sys::DirFd& root, const std::string& path) {
  const sys::UniqueFd fd = TRY(sys::open_in_root(root, path, O_PATH));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return sys_fail("reading attributes of '{}'", path);
  if (!S_ISREG(st.st_mode) || (st.st_mode & 0111U) == 0)
    return fail(ErrorKind::kInvalidInput, "'{}' is not a program", path);
  return sys::path_of_fd(fd.get());
}

Result<sys::ExitStatus> spawn_and_wait(const std::string& data_dir, const sys::DirFd& pod,
                                       const Stage1Call& call) {
  const auto manifest = TRY(Stage1Manifest::read(pod));
  const Stage1Root at = TRY(open_stage1_root(data_dir, pod));
  const auto exec =
      TRY(resolve_stage1_call(manifest, at.root, TRY(sys::path_of_fd(at.root.get())), at.pod, call));
  sys::SpawnPlan plan;
  plan.path = exec.program;
  plan.argv = exec.argv;
  plan.environment = exec.environment;
  plan.directory = &exec.pod;
  // Whoever takes up an interrupted gc must not meet the rest of this one.
  plan.death_signal = SIGKILL;
  sys::Child child = TRY(sys::spawn(plan));
  if (call.at_most && !TRY(sys::wait_for_end(child.fd(), *call.at_most)))
    return fail(ErrorKind::kBusy, "entrypoint '{}' of stage1 did not end within {} seconds",
                contract::entrypoint_row(call.entrypoint).name, *call.at_most / kSecond);
  return child.wait();
}

// For stage1 roots that have to be mounted: a thread can have a mount namespace of its own.
Result<sys::ExitStatus> spawn_from_thread(const std::string& data_dir, const sys::DirFd& pod,
                                          const Stage1Call& call) {
  sys::ExitStatus status;
  TRY(sys::run_in_side_thread([&]() -> Result<> {
    status = TRY(spawn_and_wait(data_dir, pod, call));
    return {};
  }));
  return status;
}

}  // namespace

Result<Stage1Exec> resolve_stage1_call(const Stage1Manifest& manifest, const sys::DirFd& root,
                                       const std::string& shown_root, const sys::DirFd& pod,
                                       const Stage1Call& call) {
  const std::string path = TRY(manifest.path_of(call.entrypoint));
  const std::string_view name = contract::entrypoint_row(call.entrypoint).name;
  auto rendered = TRY(contract::render_call(call.entrypoint, call.arguments, manifest.interface_version()));
  Stage1Exec exec;
  exec.program = TRY_CTX(find_program(root, path), "entrypoint '{}' of stage1", name);
  exec.argv.push_back(shown_root + path);
  std::ranges::move(rendered.argv, std::back_inserter(exec.argv));
  exec.environment = own_environment();
  exec.pod = sys::DirFd(TRY(sys::duplicate(pod.get())).release());
  exec.warnings = std::move(rendered.warnings);
  return exec;
}

void set_variable(Stage1Exec& exec, const std::string& name, const std::string& value) {
  const std::string start = name + "=";
  std::erase_if(exec.environment, [&](const std::string& variable) { return variable.starts_with(start); });
  exec.environment.push_back(start + value);
}

Error exec_stage1(const Stage1Exec& call) {
  const auto become = [&]() -> Result<> {
    for (const int fd : call.inherited_fds) TRY(sys::set_cloexec(fd, false));
    if (::fchdir(call.pod.get()) != 0) return sys_fail("changing to the pod directory");
    ::execve(call.program.c_str(), as_pointers(call.argv).data(), as_pointers(call.environment).data());
    return sys_fail("executing '{}'", printable(call.program));
  };
  const auto failed = become();
  // The descriptors must not reach other programs that this process may still start.
  for (const int fd : call.inherited_fds) (void)sys::set_cloexec(fd, true);
  return failed.error();
}

Result<sys::ExitStatus> call_stage1(const std::string& data_dir, const sys::DirFd& pod,
                                    const Stage1Call& call) {
  if (TRY(stage1_root_needs_mount(pod))) return spawn_from_thread(data_dir, pod, call);
  return spawn_and_wait(data_dir, pod, call);
}

}  // namespace agena::stage0
