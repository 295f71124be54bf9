#include "stage0/cli/output/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/strings.h"
#include "common/base/text_width.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kTabWidth = 8;
constexpr std::size_t kPadding = 1;

// Width of a column: its widest cell and the padding, rounded up to a tab stop.
std::size_t column_width(std::size_t widest) {
  return (widest + kPadding + kTabWidth - 1) / kTabWidth * kTabWidth;
}

}  // namespace

std::string Table::to_string() const {
  std::vector<std::vector<std::string>> shown;
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    auto& cells = shown.emplace_back();
    for (const std::string& cell : row) cells.push_back(printable(cell));
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], text_width(cells[i]));
  }
  std::string text;
  for (const auto& cells : shown) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 == cells.size()) continue;
      const std::size_t missing = column_width(widths[i]) - text_width(cells[i]);
      text.append((missing + kTabWidth - 1) / kTabWidth, '\t');
    }
    text += '\n';
  }
  return text;
}

std::string human_size(std::uint64_t bytes) {
  static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  const double rounded = std::floor(value * 10 + 0.5) / 10;
  if (unit > 0 && rounded < 10) return fmt::format("{:.1f}{}", rounded, kUnits[unit]);
  return fmt::format("{:.0f}{}", value, kUnits[unit]);
}

}  // namespace agena::stage0
