// Tables in the layout of Go's tabwriter with tabs of 8 and a padding of 1, which is what scripts that read
// rkt's tables know; and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agena::stage0 {

// Rows of cells; every row has as many cells as the first.
class Table {
 public:
  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // All rows. A cell is followed by as many tabs as bring the next one to its column; the last cell of a row
  // by none. Cells are shown by printable(), so that none of them can break the layout.
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "512B", "1.3MiB", "40MiB": three digits at most, units of 1024.
std::string human_size(std::uint64_t bytes);

}  // namespace agena::stage0
