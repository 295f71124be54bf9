#include "stage0/cli/output/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/base/help.h"
#include "common/base/result.h"
#include "common/sys/tty.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kNarrowest = 40;  // narrower windows get lines that the terminal wraps

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Screen stdout_screen() {
  Screen screen;
  if (!sys::is_terminal(STDOUT_FILENO)) return screen;
  screen.is_terminal = true;
  const std::string_view term = variable("TERM");
  // https://no-color.org: set and not empty.
  screen.has_colour = !term.empty() && term != "dumb" && variable("NO_COLOR").empty();
  if (const auto size = sys::window_size(STDOUT_FILENO); size && size->ws_col > 0)
    screen.columns = std::max<std::size_t>(size->ws_col, kNarrowest);
  return screen;
}

std::size_t help_width() {
  const Screen screen = stdout_screen();
  return screen.is_terminal ? std::clamp<std::size_t>(screen.columns, 60, kHelpWidth) : kHelpWidth;
}

std::string toned(std::string_view text, Tone tone, const Screen& screen) {
  if (!screen.has_colour || tone == Tone::kPlain || text.empty()) return std::string(text);
  static constexpr std::array<std::string_view, 6> kCodes = {"0", "32", "33", "31", "2", "1"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(tone)], text);
}

}  // namespace agena::stage0
