#include "stage1/net/own_plugins.h"

#include <algorithm>

#include "common/sys/fd.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

Result<std::string> own_plugins_dir() {
  // ROOT/usr/lib/agena/stage1/stage1
  std::string path = TRY(sys::read_link(sys::at_cwd(), "/proc/self/exe"));
  for (int levels = 0; levels < 3; ++levels) path.erase(std::min(path.rfind('/'), path.size()));
  return path + "/rkt/plugins/net";
}

}  // namespace agena::stage1
