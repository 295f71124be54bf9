// Values of the flags that say how something is exported.
#pragma once

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/export/image_export.h"

namespace agena::stage0 {

// What the flags say.
Result<ExportOptions> export_options(const ParsedArgs& args);
// Where to; a layout's directory sets the format if no flag did.
Result<ExportTarget> export_target(const ParsedArgs& args, std::string_view text, ExportOptions& options);

}  // namespace agena::stage0
