// The manual pages of the program and its commands, from the command table: the same names, options and texts
// as --help.
#pragma once

#include <string>
#include <vector>

#include "common/base/help.h"

namespace agena::stage0 {

struct ManualPage {
  std::string file;  // "agena-image-list.1"
  std::string text;  // troff
};

// A page of section 1 for the program and one for each command and group that help shows.
std::vector<ManualPage> manual_pages(const ProgramSpec& program);

}  // namespace agena::stage0
