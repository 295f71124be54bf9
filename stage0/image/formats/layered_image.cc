#include "stage0/image/formats/layered_image.h"

#include <array>
#include <string_view>

namespace agena::stage0 {

std::string source_name_of(const std::string& path) {
  std::string_view name = path;
  while (name.ends_with('/')) name.remove_suffix(1);
  name = name.substr(name.rfind('/') + 1);
  constexpr std::array<std::string_view, 8> kEndings = {".gz",  ".tgz", ".zst", ".xz",
                                                        ".bz2", ".tar", ".oci", ".docker"};
  for (bool cut_one = true; cut_one;) {
    cut_one = false;
    for (const std::string_view ending : kEndings)
      if (name.size() > ending.size() && name.ends_with(ending)) {
        name.remove_suffix(ending.size());
        cut_one = true;
      }
  }
  return std::string(name);
}

std::vector<std::string> SourceNames::fetched_names() const {
  if (!full.empty() || tag.empty()) return full;
  return {source + ":" + tag};
}

Result<> check_layer_count(std::size_t layers, std::size_t diff_ids) {
  if (layers == diff_ids) return {};
  return fail(ErrorKind::kVerification, "the manifest has {} layers, but the config has {} diff_ids", layers,
              diff_ids);
}

}  // namespace agena::stage0
