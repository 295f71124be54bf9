#include <unistd.h>

#include "common/stage2/program.h"
#include "common/stage2/step_bodies.h"

namespace agena::stage2 {
namespace {

// PATH of the program's environment.
std::optional<std::string> search_path(const std::vector<std::string>& environment) {
  constexpr std::string_view kPrefix = "PATH=";
  for (const std::string& entry : environment)
    if (entry.starts_with(kPrefix)) return entry.substr(kPrefix.size());
  return std::nullopt;
}

// Pointers in the form of execve(2); the texts must outlive them.
std::vector<char*> c_array(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  // execve(2) does not write to them.
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<> look_up_program(LaunchState& state) {
  state.program = TRY(find_program(state.root, state.plan.argv[0], state.plan.working_directory,
                                   search_path(state.environment)));
  return {};
}

Result<> execute_program(LaunchState& state) {
  std::vector<char*> argv = c_array(state.plan.argv);
  std::vector<char*> environment = c_array(state.environment);
  ::execve(state.program.c_str(), argv.data(), environment.data());
  const int saved = errno;
  // The program was found a moment ago, so this is never kNotFound.
  return std::unexpected(
      Error(ErrorKind::kPermission, explain_exec_failure(state.root, state.program, saved), saved));
}

}  // namespace agena::stage2
