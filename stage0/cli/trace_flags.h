// The flag that asks for a trace of the pod's start, as a table. For the command table and for
// pod_request.cc.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/cli/pod_flags.h"

namespace agena::stage0 {

inline constexpr auto kTraceFlags = std::to_array<PodFlagRow>({
    {{.name = "trace",
      .value_name = "FILE",
      .arity = OptionArity::kValue,
      .help = "write what each stage does when the pod starts to this file, in the Chrome trace format",
      .completes = Completes::kFile},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       if (value.empty()) return fail(ErrorKind::kInvalidInput, "the value is empty");
       flags.launch.trace_file = value;
       return {};
     }},
});
inline constexpr auto kTraceOptions = options_of(kTraceFlags);

}  // namespace agena::stage0
