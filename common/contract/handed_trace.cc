#include "common/contract/handed_trace.h"

#include "common/base/strings.h"
#include "common/sys/fd.h"

namespace agena::contract {

Result<> take_trace(const EntrypointCall& call, const trace::Row& row, std::string_view process) {
  const std::string text = call.value("trace-fd");
  if (text.empty()) return {};
  const auto fd = static_cast<int>(TRY_CTX(parse_int(text, 3, INT32_MAX), "--trace-fd"));
  TRY_CTX(sys::set_cloexec(fd, true), "--trace-fd");
  trace::start(fd, row, process);
  return {};
}

}  // namespace agena::contract
