#include "stage0/cli/output/out.h"

#include <unistd.h>

#include "common/sys/fs.h"

namespace agena::stage0 {

Result<> print(std::string_view text) {
  TRY_CTX(sys::write_all(STDOUT_FILENO, text), "writing to standard output");
  return {};
}

}  // namespace agena::stage0
