// Constexpr tables: sorted lookup by name, enum <-> string. A table is the one place for its facts.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace agena {

// Whether a table of rows with a `.name` member is sorted strictly by it; static_assert this next to the
// table.
template <class Table>
consteval bool sorted_by_name(const Table& table) {
  return std::ranges::adjacent_find(table, [](const auto& a, const auto& b) {
           return !(std::string_view(a.name) < std::string_view(b.name));
         }) == std::ranges::end(table);
}

// The row of a table sorted by name, or nullptr.
template <class Table>
constexpr auto find_by_name(const Table& table, std::string_view name)
    -> decltype(&*std::ranges::begin(table)) {
  auto it =
      std::ranges::lower_bound(table, name, {}, [](const auto& row) { return std::string_view(row.name); });
  return it != std::ranges::end(table) && std::string_view(it->name) == name ? &*it : nullptr;
}

// The first row whose `.value` member equals value, or nullptr (small tables; linear).
template <class Table, class Value>
constexpr auto find_by_value(const Table& table, const Value& value)
    -> decltype(&*std::ranges::begin(table)) {
  auto it = std::ranges::find_if(table, [&](const auto& row) { return row.value == value; });
  return it != std::ranges::end(table) ? &*it : nullptr;
}

// The first row whose `.value` member equals value, which the table must have (one row per enumerator); ends
// the program otherwise.
template <class Table, class Value>
constexpr auto row_for(const Table& table, const Value& value) -> decltype(*std::ranges::begin(table)) {
  auto* row = find_by_value(table, value);
  if (row == nullptr) std::abort();
  return *row;
}

}  // namespace agena
