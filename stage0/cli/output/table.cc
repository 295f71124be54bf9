#include "stage0/cli/output/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

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

std::vector<std::size_t> widest_cells(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& cells : rows) {
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], text_width(cells[i]));
  }
  return widths;
}

// On terminals.
constexpr std::size_t kGap = 2;
constexpr std::size_t kLeftOut = static_cast<std::size_t>(-1);  // width of a column that is not shown

std::size_t total_width(const std::vector<std::size_t>& widths) {
  std::size_t total = 0;
  for (const std::size_t width : widths)
    if (width != kLeftOut) total += width + kGap;
  return total - std::min(total, kGap);
}

std::size_t least_width(std::size_t width, const ColumnFit& fit) {
  return fit.least == 0 || width == kLeftOut ? width : std::min(width, fit.least);
}

// First the columns leave that must; then the widest of the others gives way, step by step.
std::vector<std::size_t> fitted_widths(std::vector<std::size_t> widths, std::vector<ColumnFit> fits,
                                       std::size_t most) {
  fits.resize(widths.size());
  const auto narrowest = [&] {
    std::vector<std::size_t> least = widths;
    for (std::size_t i = 0; i < widths.size(); ++i) least[i] = least_width(widths[i], fits[i]);
    return total_width(least);
  };
  while (narrowest() > most) {
    std::size_t out = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i)
      if (widths[i] != kLeftOut && fits[i].leaves > (out == widths.size() ? 0 : fits[out].leaves)) out = i;
    if (out == widths.size()) break;
    widths[out] = kLeftOut;
  }
  while (total_width(widths) > most) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i)
      if (widths[i] != kLeftOut && widths[i] > least_width(widths[i], fits[i]) &&
          (widest == widths.size() || widths[i] > widths[widest]))
        widest = i;
    if (widest == widths.size()) break;
    --widths[widest];
  }
  return widths;
}

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// The text in so many columns, an ellipsis for what is missing.
std::string shortened(const std::string& text, std::size_t width, bool keep_end) {
  if (text_width(text) <= width || width == 0) return text;
  std::vector<std::string> points;
  for (const char c : text) {
    if (points.empty() || !continues_code_point(c)) points.emplace_back();
    points.back() += c;
  }
  const auto skip = static_cast<std::ptrdiff_t>(points.size() - (width - 1));
  std::string kept;
  if (keep_end) {
    for (auto it = points.begin() + skip; it != points.end(); ++it) kept += *it;
    return "…" + kept;
  }
  for (auto it = points.begin(); it != points.end() - skip; ++it) kept += *it;
  return kept + "…";
}

}  // namespace

std::vector<std::vector<std::string>> Table::printable_rows() const {
  std::vector<std::vector<std::string>> shown;
  for (const auto& row : rows_) {
    auto& cells = shown.emplace_back();
    for (const std::string& cell : row) cells.push_back(printable(cell));
  }
  return shown;
}

std::string Table::to_string() const {
  const auto shown = printable_rows();
  const auto widths = widest_cells(shown);
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

Tone Table::tone_of(std::size_t row, std::size_t column) const {
  for (const CellTone& one : tones_)
    if (one.row == row && one.column == column) return one.tone;
  return Tone::kPlain;
}

std::string Table::to_screen(const Screen& screen) const {
  if (!screen.is_terminal) return to_string();
  const auto shown = printable_rows();
  const auto widths = fitted_widths(widest_cells(shown), fits_, screen.columns);
  std::string text;
  for (std::size_t row = 0; row < shown.size(); ++row) {
    std::string line;
    std::size_t gap = 0;  // written only if another cell follows, so that no line ends in spaces
    for (std::size_t i = 0; i < shown[row].size(); ++i) {
      if (widths[i] == kLeftOut) continue;
      const std::string cell = shortened(shown[row][i], widths[i], i < fits_.size() && fits_[i].keep_end);
      if (!cell.empty()) {
        line.append(std::exchange(gap, 0), ' ');
        line += toned(cell, tone_of(row, i), screen);
      }
      gap += widths[i] - text_width(cell) + kGap;
    }
    text += line + '\n';
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
