// The plugins that this stage1 brings.
#pragma once

#include <string>

#include "common/base/result.h"

namespace agena::stage1 {

// Their directory, as processes in this one's mount namespace see it. It is another one whenever the pod's
// stage1 root is mounted elsewhere, or not at all, as for gc: nothing to be put on record.
Result<std::string> own_plugins_dir();

}  // namespace agena::stage1
