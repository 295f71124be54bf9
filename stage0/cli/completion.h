// Shell completion, generated from the command table.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/base/help.h"

namespace agena::stage0 {

// A bash completion script for the program: commands, options, their choices, files, and UUIDs and image ids
// asked from the program itself.
std::string bash_completion(const ProgramSpec& program);
// The same for fish and zsh, with what help says of each.
std::string fish_completion(const ProgramSpec& program);
std::string zsh_completion(const ProgramSpec& program);

struct ShellRow {
  std::string_view name;
  std::string (*script)(const ProgramSpec& program);
};
// The shells that there are scripts for, sorted by name.
std::span<const ShellRow> completion_shells();

}  // namespace agena::stage0
