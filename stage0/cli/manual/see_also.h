// Where the manual pages of commands tell their readers to go on.
#pragma once

#include <span>
#include <string_view>

namespace agena::stage0 {

struct SeeAlsoRow {
  std::string_view name;  // of the command
  // Pages, separated by commas: "agena-networking(7)"; those of commands as "{program}-gc(1)".
  std::string_view pages;
};

// The whole table, sorted by name.
std::span<const SeeAlsoRow> see_also();
// The pages of a command's row; empty if it has none.
std::string_view see_also(std::string_view command);

}  // namespace agena::stage0
