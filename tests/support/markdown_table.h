// Reading tables out of the documentation, for tests that compare them with the code.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace agena::testing {

using MarkdownRow = std::vector<std::string>;

// The cells of a line "| a | b |", without the spaces around them; empty for any other line.
inline MarkdownRow split_markdown_row(std::string_view line) {
  MarkdownRow cells;
  if (!line.starts_with('|') || line.size() < 2) return cells;
  line.remove_prefix(1);
  while (!line.empty()) {
    const std::size_t end = line.find('|');
    if (end == std::string_view::npos) break;
    std::string_view cell = line.substr(0, end);
    while (cell.starts_with(' ')) cell.remove_prefix(1);
    while (cell.ends_with(' ')) cell.remove_suffix(1);
    cells.emplace_back(cell);
    line.remove_prefix(end + 1);
  }
  return cells;
}

// A cell without the backquotes around it.
inline std::string unquoted(std::string_view cell) {
  if (cell.size() >= 2 && cell.starts_with('`') && cell.ends_with('`')) {
    cell.remove_prefix(1);
    cell.remove_suffix(1);
  }
  return std::string(cell);
}

// The rows of the table whose titles are these, in a file named relative to the source tree. A missing file
// or table is a test failure and gives no rows, and so does a row with another number of cells.
inline std::vector<MarkdownRow> read_markdown_table(const std::string& file, const MarkdownRow& titles) {
  std::ifstream stream(std::string(AGENA_SOURCE_DIR) + "/" + file);
  EXPECT_TRUE(stream.is_open()) << "cannot read " << file;
  std::vector<MarkdownRow> rows;
  bool inside = false;
  bool found = false;
  for (std::string line; std::getline(stream, line);) {
    MarkdownRow cells = split_markdown_row(line);
    if (!inside) {
      inside = cells == titles;
      found = found || inside;
      continue;
    }
    if (cells.empty()) break;
    if (cells.front().starts_with("---")) continue;
    EXPECT_EQ(cells.size(), titles.size()) << file << ": " << line;
    if (cells.size() == titles.size()) rows.push_back(std::move(cells));
  }
  EXPECT_TRUE(found) << file << " has no table with these titles: " << ::testing::PrintToString(titles);
  return rows;
}

}  // namespace agena::testing
