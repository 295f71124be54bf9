#include "stage0/care/image_rm.h"

#include <algorithm>

namespace agena::stage0 {
namespace {

bool has_another_name(const ImageRecord& record, const std::string& name) {
  if (record.format == ImageFormat::kAci) return true;
  return std::ranges::any_of(record.names, [&](const ImageName& other) {
    return other.name != name && other.name.find('@') == std::string::npos;
  });
}

}  // namespace

Result<RemovedImage> remove_image_or_name(Store& store, std::string_view text) {
  const ImageRecord record = TRY(store.find_image(text));
  const auto name = TRY(store.fetched_name(text));
  if (name) {
    const bool only_name = has_another_name(record, *name);
    TRY(store.remove_name(*name));
    if (only_name) return RemovedImage{.id = record.id, .only_name = *name};
  }
  TRY(store.remove_image(record.id));
  return RemovedImage{.id = record.id, .only_name = {}};
}

}  // namespace agena::stage0
