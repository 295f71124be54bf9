#include "stage0/image/link_path.h"

#include <vector>

#include "common/base/strings.h"

namespace agena::stage0 {

std::string link_path(std::string_view from, std::string_view target) {
  std::string joined(target);
  if (!target.starts_with('/')) joined.insert(0, from.substr(0, from.rfind('/') + 1));
  std::vector<std::string> parts;
  for (std::string& part : split(joined, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(std::move(part));
    else if (!parts.empty())
      parts.pop_back();
  }
  return join(parts, "/");
}

}  // namespace agena::stage0
