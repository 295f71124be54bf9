#include "common/base/log.h"

#include <unistd.h>

namespace agena::log {
namespace {

struct State {
  std::string prefix = "agena";
  Level most_verbose = Level::kInfo;
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

void init(std::string prefix, Level most_verbose) { state() = {std::move(prefix), most_verbose}; }

bool enabled(Level level) { return level <= state().most_verbose; }

void write(Level level, std::string_view text) {
  if (!enabled(level)) return;
  const std::string line = fmt::format("{}: {}\n", state().prefix, text);
  // Nowhere left to report a failure of stderr itself.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void error(const Error& error) {
  write(Level::kError, enabled(Level::kDebug) ? error.to_tree() : error.to_string());
  if (!error.hint().empty()) write(Level::kError, "hint: " + error.hint());
}

}  // namespace agena::log
