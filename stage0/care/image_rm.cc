#include "stage0/care/image_rm.h"

#include <algorithm>

#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

// Whether anything but the name stands for the image. Names of which another image is the newest holder do
// not.
Result<bool> has_another_name(Store& store, const ImageRecord& record, const std::string& name) {
  if (record.format == ImageFormat::kAci) return true;
  for (const ImageName& other : record.names) {
    if (other.name == name || other.name.find("@sha256:") != std::string::npos) continue;
    const auto holders = TRY(store.holders_of(other.name));
    if (!holders.empty() && holders.front().id == record.id) return true;
  }
  return false;
}

// Whether a record will never be readable again, by anybody.
bool is_damaged(const Error& error) {
  return error.kind() == ErrorKind::kInvalidInput || error.kind() == ErrorKind::kVerification;
}

}  // namespace

Result<RemovedImage> remove_image_or_name(Store& store, std::string_view text) {
  const Nanoseconds asked = now();
  auto found = find_named_image(store, text);
  if (!found && is_image_id(text) && is_damaged(found.error())) {
    TRY(store.remove_image(std::string(text)));
    return RemovedImage{.id = std::string(text), .only_name = {}};
  }
  const ImageRecord record = TRY(std::move(found));
  const auto name = TRY(store.fetched_name(text));
  if (!name) {
    TRY(store.remove_image(record.id));
    return RemovedImage{.id = record.id, .only_name = {}};
  }
  // Not from an image that has got the name since.
  const auto held = std::ranges::find(record.names, *name, &ImageName::name);
  TRY(store.remove_name(*name, held == record.names.end() ? asked : std::max(asked, held->time)));
  while (true) {
    const auto present = store.read_image(record.id);
    if (!present && present.error().kind() == ErrorKind::kNotFound)
      return RemovedImage{.id = record.id, .only_name = {}};
    if (!present) return std::unexpected(present.error());
    if (TRY(has_another_name(store, *present, *name)))
      return RemovedImage{.id = record.id, .only_name = *name};
    auto removed = store.remove_image(record.id, &present->names);
    if (removed) return RemovedImage{.id = record.id, .only_name = {}};
    // It may have been given another name a moment ago.
    if (removed.error().kind() != ErrorKind::kBusy && removed.error().kind() != ErrorKind::kNotFound)
      return std::unexpected(std::move(removed).error());
  }
}

}  // namespace agena::stage0
