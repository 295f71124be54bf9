#include "stage1/run/selinux.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

sys::MountPlan with_selinux_context(sys::MountPlan plan, const std::string& context) {
  constexpr std::array<std::string_view, 3> kLabelled = {"tmpfs", "devpts", "mqueue"};
  if (context.empty()) return plan;
  for (sys::MountOp& op : plan)
    if (op.kind == sys::MountKind::kFilesystem && std::ranges::find(kLabelled, op.type) != kLabelled.end())
      op.options.emplace_back("context", context);
  return plan;
}

Result<> set_exec_context(const std::string& context) {
  if (context.empty()) return {};
  const sys::UniqueFd file = TRY(sys::open_at(sys::at_cwd(), "/proc/thread-self/attr/exec", O_WRONLY));
  TRY_CTX(sys::write_all(file.get(), context), "SELinux context '{}'", printable(context));
  return {};
}

}  // namespace agena::stage1
