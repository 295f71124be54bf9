// Images as text: the tables of the image commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/care/disk_usage.h"
#include "stage0/care/image_diff.h"
#include "stage0/care/inspect.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/table.h"
#include "stage0/image/history.h"

namespace agena::stage0 {

enum class ImageColumn {
  kId,
  kName,
  kSize,
  kImportTime,
  kLastUsed,
  // Ours.
  kNames,
  kSourceFormat,
  kDigest,
  kUnique,
  kShared,
  kLayers
};

// "id,name,size,importtime,lastused": a comma list of columns.
Result<std::vector<ImageColumn>> parse_image_columns(std::string_view text);

// Sorts by the first column, rows equal in it by the next, and so on; otherwise the order stays.
void sort_images(std::vector<ImageRow>& rows, const std::vector<ImageColumn>& by, bool descending);

// How the table gives way to a narrow window; columns leave only where nobody has asked for them.
std::vector<ColumnFit> image_fits(const std::vector<ImageColumn>& columns, bool may_leave);

struct ImageTableOptions {
  bool legend = true;
  bool full = false;    // whole ids, bytes, absolute times
  Nanoseconds now = 0;  // what humanised times are relative to
};
Table images_table(const std::vector<ImageRow>& rows, const std::vector<ImageColumn>& columns,
                   const ImageTableOptions& options);

// `image inspect`: lines of a key and a value, and a table of the layers.
std::string image_detail_text(const ImageDetail& image);

// `image history`: a row for each step. Full: whole ids and commands, bytes, absolute times.
Table history_table(const std::vector<HistoryEntry>& steps, const ImageTableOptions& options);

// `image diff`: a line for each path, its name made printable.
std::string diff_text(const std::vector<PathChange>& changes);
Table disk_usage_table(const StoreDiskUsage& usage);

}  // namespace agena::stage0
