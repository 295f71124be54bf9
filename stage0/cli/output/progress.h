// Shows on stderr how far an import is: a bar for each layer on a terminal, a line for each finished layer
// elsewhere. At most ten redraws a second.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "stage0/image/importer.h"

namespace agena::stage0 {

class ProgressView {
 public:
  enum class Style {
    kLines,  // no terminal, or one that cannot move its cursor (TERM=dumb)
    kBars,
  };
  struct Terminal {
    Style style = Style::kLines;
    bool colour = false;  // NO_COLOR is not set
    std::size_t columns = 80;
    std::size_t rows = 24;
    std::string prefix = {};  // of the lines of kLines, which stand among diagnostics: "fetch: "
  };
  // What stderr is.
  static Terminal detect_terminal(std::string prefix);

  // Writes to the descriptor; `clock` tells the monotonic time.
  ProgressView(Terminal terminal, int fd, Nanoseconds (*clock)() = monotonic_now)
      : terminal_(std::move(terminal)), fd_(fd), clock_(clock) {}

  // Takes news of one layer; draws if it is time.
  void update(const LayerProgress& layer);
  // Draws the last state and leaves the cursor below it.
  void finish();

 private:
  void draw();
  void write(const std::string& text) const;

  Terminal terminal_;
  int fd_;
  Nanoseconds (*clock_)();
  std::vector<LayerProgress> layers_;  // by index
  std::vector<bool> told_;             // layers whose last line has been written for good
  std::size_t drawn_ = 0;              // lines that the next drawing replaces
  Nanoseconds next_draw_ = 0;
};

// For Engine::watch_import: bars while an image is imported, where stderr is a terminal; else empty, since
// what a pod command prints there is the pod's.
std::function<ProgressCallback(const std::string& image)> import_bars();

// One layer on one line of at most so many columns: "sha256:012345… unpacking [####      ] 3.1MiB/12MiB".
std::string layer_line(const LayerProgress& layer, const ProgressView::Terminal& terminal);

}  // namespace agena::stage0
