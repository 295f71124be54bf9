// Diagnostics on stderr, led by the stage's name ("stage0: "). stdout is for results only. Libraries log at
// debug only; errors travel as Result and are printed once, by the outermost layer.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::log {

enum class Level { kError, kWarning, kInfo, kDebug };

// Sets the prefix ("run", "stage0", "stage1") and the most verbose level shown. Called once by a main.
void init(std::string prefix, Level most_verbose);
bool enabled(Level level);
// Writes one line, `prefix: text`, with a single write(2), so that lines of concurrent processes stay whole.
void write(Level level, std::string_view text);
// Prints an error as the user sees it: one line, or a tree with --debug; plus at most one `hint:` line.
void error(const Error& error);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarning)) write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace agena::log
