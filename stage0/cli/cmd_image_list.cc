// `image list`: a table of the images in the store.
#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/image_text.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/image/usage.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
Result<int> cmd_image_list(const Invocation& call) {
  const ParsedArgs& args = call.args;
  const auto columns = TRY_CTX(parse_image_columns(args.text(kFields, kFields.initial)), "--fields");
  const auto sort_by = TRY_CTX(parse_image_columns(args.text(kSort, kSort.initial)), "--sort");
  const bool descending = args.text(kOrder) == "desc";

  const Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  ErrorList broken;
  const std::vector<ImageRecord> records = TRY(store.list_images(&broken));
  const StoreUsage usage = usage_of(records);
  std::vector<std::vector<std::string>> names = names_held(records);
  std::vector<ImageRow> rows;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const ImageRecord& record = records[i];
    const bool pinned = record.oci && record.oci->manifest_digest;
    rows.push_back({.id = record.id,
                    .name = manifest_name(record),
                    .size = record.size(),
                    .import_time = record.import_time,
                    .last_used = record.last_used,
                    .names = std::move(names[i]),
                    .format = std::string(to_string(record.format)),
                    .digest = pinned ? record.oci->manifest_digest->str() : "",
                    .unique = usage.images[i].unique,
                    .shared = usage.images[i].shared,
                    .layers = record.layers.size()});
  }
  sort_images(rows, sort_by, descending);

  const std::string_view format = args.text(kFormat);
  if (!format.empty()) {
    TRY(print_line("{}", TRY(images_json(rows, style_of_format(format)))));
  } else {
    Table table = images_table(rows, columns,
                               {.legend = !args.flag(kNoLegend), .full = args.flag(kFull), .now = now()});
    if (!args.flag(kFull)) table.fit(image_fits(columns, !args.has(kFields)));
    TRY(print(table.empty() ? "\n" : table.to_screen(stdout_screen())));
  }
  for (const Error& error : broken.errors()) log::error(error);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
