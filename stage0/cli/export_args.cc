#include "stage0/cli/export_args.h"

#include "common/base/table.h"
#include "stage0/cli/export_flags.h"

namespace agena::stage0 {

Result<ExportOptions> export_options(const ParsedArgs& args) {
  ExportOptions options;
  options.overwrite = args.flag(kOverwrite);
  const std::string_view name = args.text(kCompression, "");
  for (const Compression one : {Compression::kNone, Compression::kGzip, Compression::kZstd})
    if (name == to_string(one)) options.compression = one;
  return options;
}

}  // namespace agena::stage0
