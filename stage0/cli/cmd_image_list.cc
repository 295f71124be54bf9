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
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

std::string name_of_image(const ImageRecord& record) {
  const std::string* version = record.manifest.labels.find("version");
  return record.manifest.name.str() + (version == nullptr ? "" : ":" + *version);
}

}  // namespace

Result<int> cmd_image_list(const Invocation& call) {
  const ParsedArgs& args = call.args;
  const auto columns = TRY_CTX(parse_image_columns(args.text(kFields, kFields.initial)), "--fields");
  const auto sort_by = TRY_CTX(parse_image_columns(args.text(kSort, kSort.initial)), "--sort");
  const bool descending = args.text(kOrder) == "desc";

  const Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  ErrorList broken;
  std::vector<ImageRow> rows;
  for (const ImageRecord& record : TRY(store.list_images(&broken)))
    rows.push_back({.id = record.id,
                    .name = name_of_image(record),
                    .size = record.size(),
                    .import_time = record.import_time,
                    .last_used = record.last_used});
  sort_images(rows, sort_by, descending);

  const std::string_view format = args.text(kFormat);
  if (!format.empty()) {
    TRY(print_line("{}", TRY(images_json(rows, style_of_format(format)))));
  } else {
    const Table table = images_table(
        rows, columns, {.legend = !args.flag(kNoLegend), .full = args.flag(kFull), .now = now()});
    TRY(print(table.empty() ? "\n" : table.to_string()));
  }
  for (const Error& error : broken.errors()) log::error(error);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
