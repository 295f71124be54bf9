// The agena command: finds the command in an argv, parses its line, runs it, and reports the one error that
// may come of it.
#pragma once

#include <span>
#include <string_view>

namespace agena::stage0 {

// Runs the program with its argv (the program's name first) and returns the exit code. `run`, `run-prepared`
// and `enter` do not return when they succeed.
int run_cli(std::span<const std::string_view> argv);

}  // namespace agena::stage0
