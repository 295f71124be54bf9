#include "stage0/cli/output/image_text.h"

#include <algorithm>
#include <array>
#include <compare>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kShortId = 7 + 12;  // "sha512-" and 12 digits

std::string time_cell(Nanoseconds time, const ImageTableOptions& options) {
  return options.full ? full_time(time) : humanised(time, options.now);
}

std::string size_cell(std::uint64_t size, const ImageTableOptions& options) {
  return options.full ? fmt::format("{}", size) : human_size(size);
}

struct ColumnRow {
  ImageColumn value;
  std::string_view name;
  const char* title;
  std::string (*cell)(const ImageRow& row, const ImageTableOptions& options);
  std::weak_ordering (*compare)(const ImageRow& a, const ImageRow& b);
};

constexpr std::array kColumns = {
    ColumnRow{ImageColumn::kId, "id", "ID",
              [](const ImageRow& row, const ImageTableOptions& options) {
                return options.full ? row.id : row.id.substr(0, kShortId);
              },
              [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.id <=> b.id; }},
    ColumnRow{ImageColumn::kName, "name", "NAME",
              [](const ImageRow& row, const ImageTableOptions& /*options*/) { return row.name; },
              [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.name <=> b.name; }},
    ColumnRow{ImageColumn::kSize, "size", "SIZE",
              [](const ImageRow& row, const ImageTableOptions& options) {
                return options.full ? fmt::format("{}", row.size) : human_size(row.size);
              },
              [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.size <=> b.size; }},
    ColumnRow{ImageColumn::kImportTime, "importtime", "IMPORT TIME",
              [](const ImageRow& row, const ImageTableOptions& options) {
                return time_cell(row.import_time, options);
              },
              [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering {
                return a.import_time <=> b.import_time;
              }},
    ColumnRow{ImageColumn::kLastUsed, "lastused", "LAST USED",
              [](const ImageRow& row, const ImageTableOptions& options) {
                return time_cell(row.last_used, options);
              },
              [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering {
                return a.last_used <=> b.last_used;
              }},
    ColumnRow{ImageColumn::kNames, "names", "NAMES",
              [](const ImageRow& row, const ImageTableOptions& /*options*/) {
                return row.names.empty() ? "-" : join(row.names, ",");
              },
              [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.names <=> b.names; }},
    ColumnRow{
        ImageColumn::kSourceFormat, "format", "FORMAT",
        [](const ImageRow& row, const ImageTableOptions& /*options*/) { return row.format; },
        [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.format <=> b.format; }},
    ColumnRow{
        ImageColumn::kDigest, "digest", "DIGEST",
        [](const ImageRow& row, const ImageTableOptions& options) {
          if (row.digest.empty()) return std::string("-");
          return options.full ? row.digest : row.digest.substr(0, kShortId);
        },
        [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.digest <=> b.digest; }},
    ColumnRow{
        ImageColumn::kUnique, "unique", "UNIQUE",
        [](const ImageRow& row, const ImageTableOptions& options) { return size_cell(row.unique, options); },
        [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.unique <=> b.unique; }},
    ColumnRow{
        ImageColumn::kShared, "shared", "SHARED",
        [](const ImageRow& row, const ImageTableOptions& options) { return size_cell(row.shared, options); },
        [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.shared <=> b.shared; }},
    ColumnRow{
        ImageColumn::kLayers, "layers", "LAYERS",
        [](const ImageRow& row, const ImageTableOptions& /*options*/) {
          return fmt::format("{}", row.layers);
        },
        [](const ImageRow& a, const ImageRow& b) -> std::weak_ordering { return a.layers <=> b.layers; }},
};

const ColumnRow& row_of(ImageColumn column) { return kColumns[static_cast<std::size_t>(column)]; }

}  // namespace

Result<std::vector<ImageColumn>> parse_image_columns(std::string_view text) {
  std::vector<ImageColumn> columns;
  for (const std::string& name : split(text, ',')) {
    const auto row = std::ranges::find(kColumns, name, &ColumnRow::name);
    if (row == kColumns.end())
      return fail(ErrorKind::kInvalidInput,
                  "unknown column '{}' (there are: id, name, size, importtime, lastused, names, format, "
                  "digest, unique, shared, layers)",
                  printable(name));
    columns.push_back(row->value);
  }
  return columns;
}

void sort_images(std::vector<ImageRow>& rows, const std::vector<ImageColumn>& by, bool descending) {
  std::ranges::stable_sort(rows, [&](const ImageRow& a, const ImageRow& b) {
    for (const ImageColumn column : by) {
      const std::weak_ordering order =
          descending ? row_of(column).compare(b, a) : row_of(column).compare(a, b);
      if (order != 0) return order < 0;
    }
    return false;
  });
}

std::vector<ColumnFit> image_fits(const std::vector<ImageColumn>& columns, bool may_leave) {
  std::vector<ColumnFit> fits;
  for (const ImageColumn column : columns) {
    ColumnFit fit;
    if (column == ImageColumn::kName || column == ImageColumn::kNames) fit = {.least = 28, .keep_end = true};
    if (may_leave && column == ImageColumn::kImportTime) fit.leaves = 1;
    if (may_leave && column == ImageColumn::kLastUsed) fit.leaves = 2;
    fits.push_back(fit);
  }
  return fits;
}

Table images_table(const std::vector<ImageRow>& rows, const std::vector<ImageColumn>& columns,
                   const ImageTableOptions& options) {
  Table table;
  std::vector<std::string> cells;
  cells.reserve(columns.size());
  for (const ImageColumn column : columns) cells.emplace_back(row_of(column).title);
  if (options.legend) table.add_row(std::move(cells));
  for (const ImageRow& row : rows) {
    cells.clear();
    for (const ImageColumn column : columns) cells.push_back(row_of(column).cell(row, options));
    table.add_row(std::move(cells));
  }
  return table;
}

}  // namespace agena::stage0
