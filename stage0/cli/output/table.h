// Tables in the layout of Go's tabwriter with tabs of 8 and a padding of 1, which is what scripts that read
// rkt's tables know; and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stage0/cli/output/terminal.h"

namespace agena::stage0 {

// How a column gives way where a window is too narrow for the table.
struct ColumnFit {
  std::size_t least = 0;  // to how many columns its cells may be shortened; 0: not at all
  int leaves = 0;         // where that does not suffice, columns with higher numbers go first; 0: it stays
  bool keep_end = false;  // shortened in front: the end tells more
};

// Rows of cells; every row has as many cells as the first.
class Table {
 public:
  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // The tone of a cell of the last row, for terminals.
  void set_tone(std::size_t column, Tone tone) { tones_.push_back({rows_.size() - 1, column, tone}); }
  // How the columns give way, from the first on; without it none does.
  void fit(std::vector<ColumnFit> columns) { fits_ = std::move(columns); }
  bool empty() const { return rows_.empty(); }
  // All rows. A cell is followed by as many tabs as bring the next one to its column; the last cell of a row
  // by none. Cells are shown by printable(), so that none of them can break the layout.
  std::string to_string() const;
  // For whoever looks at the screen: on a terminal aligned by spaces, in colours where it has them, shortened
  // and with columns left out until it is as narrow as the window; otherwise to_string().
  std::string to_screen(const Screen& screen) const;

 private:
  struct CellTone {
    std::size_t row;
    std::size_t column;
    Tone tone;
  };
  std::vector<std::vector<std::string>> printable_rows() const;
  Tone tone_of(std::size_t row, std::size_t column) const;

  std::vector<CellTone> tones_;
  std::vector<ColumnFit> fits_;
  std::vector<std::vector<std::string>> rows_;
};

// "512B", "1.3MiB", "40MiB": three digits at most, units of 1024.
std::string human_size(std::uint64_t bytes);

}  // namespace agena::stage0
