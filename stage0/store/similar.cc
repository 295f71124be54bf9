#include "stage0/store/similar.h"

#include <algorithm>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kShortestStem = 3;  // shorter words begin too many names

// "docker.io/library/debian:12" -> "debian".
std::string stem(std::string_view name) {
  name = name.substr(0, name.find_first_of(",@"));
  name = name.substr(name.rfind('/') + 1);
  return std::string(name.substr(0, name.find(':')));
}

std::vector<std::string> names_in(const Store& store) {
  std::vector<std::string> names;
  const auto images = store.list_images();
  if (!images) return names;
  for (const ImageRecord& image : *images) {
    for (const ImageName& held : image.names)
      if (!held.name.contains('@')) names.push_back(held.name);
    const std::string* version = image.manifest.labels.find("version");
    if (!image.oci) names.push_back(image.manifest.name.str() + (version == nullptr ? "" : ":" + *version));
  }
  return names;
}

}  // namespace

std::string similar_image(const Store& store, std::string_view text) {
  if (text.starts_with("docker://")) text.remove_prefix(std::string_view("docker://").size());
  if (text.starts_with("sha256:") || text.starts_with("sha512-") || text.starts_with('/')) return "";
  const std::vector<std::string> names = names_in(store);
  if (const std::string best = closest(text, names); !best.empty()) return best;
  const std::string wanted = stem(text);
  std::vector<std::string> stems;
  for (const std::string& name : names) stems.push_back(stem(name));
  const auto at = [&](auto found) {
    return found == stems.end() ? std::string() : names[static_cast<std::size_t>(found - stems.begin())];
  };
  if (const auto same = std::ranges::find(stems, wanted); same != stems.end()) return at(same);
  if (wanted.size() >= kShortestStem)
    if (const auto longer =
            std::ranges::find_if(stems, [&](const std::string& one) { return one.starts_with(wanted); });
        longer != stems.end())
      return at(longer);
  const std::string best = closest(wanted, stems);
  return best.empty() ? best : at(std::ranges::find(stems, best));
}

Error with_better_hint(Error error, std::string hint) {
  if (hint.empty()) return error;
  Error better(error.kind(), error.message(), error.sys_errno(), error.where());
  for (const std::string& context : error.contexts()) better = std::move(better).with_context(context);
  return std::move(better).with_hint(std::move(hint));
}

Error with_similar_image(Error error, const Store& store, std::string_view text) {
  if (error.kind() != ErrorKind::kNotFound) return error;
  const std::string similar = similar_image(store, text);
  if (similar.empty()) return error;
  return with_better_hint(std::move(error),
                          fmt::format("did you mean '{}', which is in the store?", printable(similar)));
}

Result<ImageRecord> find_named_image(Store& store, std::string_view text) {
  auto image = store.find_image(text);
  if (image) return image;
  Error error = with_similar_image(std::move(image).error(), store, text);
  if (error.kind() != ErrorKind::kNotFound || !error.hint().empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_hint("'image list' shows what is in the store"));
}

}  // namespace agena::stage0
