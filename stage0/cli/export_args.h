// Values of the flags that say how something is exported.
#pragma once

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/export/image_export.h"

namespace agena::stage0 {

Result<ExportOptions> export_options(const ParsedArgs& args);

}  // namespace agena::stage0
