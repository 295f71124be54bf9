// The manual page, generated from the command table.
#pragma once

#include <string>

#include "common/base/help.h"

namespace agena::stage0 {

// Section 1 page of the whole program, in man(7) macros.
std::string man_page(const ProgramSpec& program);

}  // namespace agena::stage0
