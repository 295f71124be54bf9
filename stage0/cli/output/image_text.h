// Images as text: the table of `image list`.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/table.h"

namespace agena::stage0 {

enum class ImageColumn { kId, kName, kSize, kImportTime, kLastUsed };

// "id,name,size,importtime,lastused": a comma list of columns.
Result<std::vector<ImageColumn>> parse_image_columns(std::string_view text);

// Sorts by the first column, rows equal in it by the next, and so on; otherwise the order stays.
void sort_images(std::vector<ImageRow>& rows, const std::vector<ImageColumn>& by, bool descending);

struct ImageTableOptions {
  bool legend = true;
  bool full = false;    // whole ids, bytes, absolute times
  Nanoseconds now = 0;  // what humanised times are relative to
};
Table images_table(const std::vector<ImageRow>& rows, const std::vector<ImageColumn>& columns,
                   const ImageTableOptions& options);

}  // namespace agena::stage0
