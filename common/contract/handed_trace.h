// The trace that `run` is handed over as a descriptor (--trace-fd).
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"
#include "common/base/trace.h"
#include "common/contract/entrypoints.h"

namespace agena::contract {

// Starts the trace of this process if the call has one. The descriptor becomes close-on-exec: what is
// executed next is a program of the pod's. `process` as in trace::start().
Result<> take_trace(const EntrypointCall& call, const trace::Row& row, std::string_view process = {});

}  // namespace agena::contract
