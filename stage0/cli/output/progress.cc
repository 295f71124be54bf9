#include "stage0/cli/output/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/cli/output/table.h"

namespace agena::stage0 {
namespace {

using State = LayerProgress::State;

constexpr Nanoseconds kRedrawInterval = kSecond / 10;
constexpr std::size_t kNameWidth = 19;  // "sha256:" and 12 digits
constexpr std::size_t kStateWidth = 9;
constexpr std::size_t kSizesWidth = 17;  // "999.9MiB/999.9MiB"
constexpr std::size_t kMinBar = 10;
constexpr std::size_t kMaxBar = 40;

struct StateRow {
  State value;
  std::string_view word;
};
constexpr std::array kStates = {
    StateRow{State::kWaiting, "waiting"},     StateRow{State::kPresent, "present"},
    StateRow{State::kUnpacking, "unpacking"}, StateRow{State::kUnpacked, "unpacked"},
    StateRow{State::kCommitted, "done"},      StateRow{State::kSending, "sending"},
};

std::string_view word_of(State state) { return kStates[static_cast<std::size_t>(state)].word; }

bool is_final(State state) { return state == State::kPresent || state == State::kCommitted; }

std::string short_name(const LayerProgress& layer) { return printable(layer.name).substr(0, kNameWidth); }

std::string bar(const LayerProgress& layer, std::size_t width, bool colour) {
  const std::uint64_t total = std::max<std::uint64_t>(layer.total, 1);
  const double part = std::min(1.0, static_cast<double>(layer.done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
  const std::string text = std::string(filled, '#') + std::string(width - filled, ' ');
  return colour ? fmt::format("[\x1b[32m{}\x1b[0m]", text) : fmt::format("[{}]", text);
}

bool env_is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

std::string layer_line(const LayerProgress& layer, const ProgressView::Terminal& terminal) {
  const std::string head =
      fmt::format("{:<{}} {:<{}}", short_name(layer), kNameWidth, word_of(layer.state), kStateWidth);
  if (is_final(layer.state) || layer.state == State::kWaiting) {
    const std::string line = layer.total == 0 ? head : fmt::format("{} {}", head, human_size(layer.total));
    return line.substr(0, std::min(line.find_last_not_of(' ') + 1, terminal.columns));
  }
  const std::string sizes = fmt::format("{}/{}", human_size(layer.done), human_size(layer.total));
  const std::size_t fixed = head.size() + 2 + 2 + kSizesWidth + 1;
  if (terminal.columns < fixed + kMinBar)
    return fmt::format("{} {}", head, sizes).substr(0, terminal.columns);
  const std::size_t width = std::min(kMaxBar, terminal.columns - fixed);
  return fmt::format("{} {} {}", head, bar(layer, width, terminal.colour), sizes);
}

ProgressView::Terminal ProgressView::detect_terminal(std::string prefix) {
  Terminal terminal;
  terminal.prefix = std::move(prefix);
  const char* term = std::getenv("TERM");
  if (::isatty(STDERR_FILENO) == 0 || term == nullptr || std::string_view(term) == "dumb") return terminal;
  terminal.style = Style::kBars;
  terminal.colour = !env_is_set("NO_COLOR");
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    terminal.columns = size.ws_col;
    terminal.rows = size.ws_row;
  }
  return terminal;
}

void ProgressView::update(const LayerProgress& layer) {
  if (layer.index >= layers_.size()) {
    layers_.resize(std::max(layer.count, layer.index + 1));
    told_.resize(layers_.size());
    for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i].index = i;
  }
  layers_[layer.index] = layer;
  if (clock_() >= next_draw_) draw();
}

void ProgressView::finish() {
  draw();
  drawn_ = 0;
}

void ProgressView::draw() {
  next_draw_ = clock_() + kRedrawInterval;
  std::string text;
  if (drawn_ > 0) text += fmt::format("\x1b[{}A\r\x1b[J", drawn_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (told_[i] || !is_final(layers_[i].state)) continue;
    told_[i] = true;
    if (terminal_.style == Style::kLines) text += terminal_.prefix;
    text += layer_line(layers_[i], terminal_) + "\n";
  }
  drawn_ = 0;
  if (terminal_.style == Style::kBars) {
    // What scrolls off the screen cannot be drawn over, so the bars must fit on it.
    const std::size_t room = std::max<std::size_t>(terminal_.rows, 2) - 1;
    for (const LayerProgress& layer : layers_) {
      if (layer.name.empty() || is_final(layer.state) || drawn_ == room) continue;
      text += layer_line(layer, terminal_) + "\n";
      ++drawn_;
    }
  }
  write(text);
}

void ProgressView::write(const std::string& text) const {
  if (text.empty()) return;
  if (const auto written = sys::write_all(fd_, text); !written)
    log::debug("progress cannot be shown: {}", written.error().to_string());
}

namespace {

struct FinishView {
  void operator()(ProgressView* view) const {
    view->finish();
    delete view;  // NOLINT(cppcoreguidelines-owning-memory): a deleter
  }
};

}  // namespace

std::function<ProgressCallback(const std::string& image)> import_bars() {
  const ProgressView::Terminal terminal = ProgressView::detect_terminal("");
  if (terminal.style != ProgressView::Style::kBars) return {};
  return [terminal](const std::string& /*image*/) -> ProgressCallback {
    // The last copy of the callback draws the last state.
    const std::shared_ptr<ProgressView> view(new ProgressView(terminal, STDERR_FILENO), FinishView());
    return [view](const LayerProgress& layer) { view->update(layer); };
  };
}

}  // namespace agena::stage0
