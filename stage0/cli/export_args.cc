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
  const std::string_view format = args.text(kExportTo, kExportFormats[0]);
  for (std::size_t i = 0; i < kExportFormats.size(); ++i)
    if (format == kExportFormats[i]) options.format = static_cast<ExportFormat>(i);
  return options;
}

Result<ExportTarget> export_target(const ParsedArgs& args, std::string_view text, ExportOptions& options) {
  ExportTarget target = TRY(parse_export_target(text));
  if (target.directory && !args.has(kExportTo)) options.format = ExportFormat::kOci;
  return target;
}

}  // namespace agena::stage0
