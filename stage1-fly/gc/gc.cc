#include "stage1-fly/gc/gc.h"

#include "common/base/uuid.h"
#include "common/contract/exit_codes.h"

namespace agena::fly {

Result<int> collect_garbage(const contract::EntrypointCall& call) {
  (void)TRY(Uuid::parse(call.operands.at(0)));
  return contract::kExitSuccess;
}

}  // namespace agena::fly
