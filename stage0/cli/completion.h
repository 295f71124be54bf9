// Shell completion, generated from the command table.
#pragma once

#include <string>

#include "common/base/help.h"

namespace agena::stage0 {

// A bash completion script for the program: commands, options, their choices, files, and UUIDs and image ids
// asked from the program itself.
std::string bash_completion(const ProgramSpec& program);

}  // namespace agena::stage0
