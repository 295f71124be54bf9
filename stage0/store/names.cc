// Changes of records that are there: removing them, and giving and taking names.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/store/index.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<> Store::remove_image(const std::string& id) {
  if (mode_ == Mode::kReadOnly)
    return fail(ErrorKind::kPermission, "the store in '{}' is open for reading only", path_);
  if (!is_image_id(id)) return fail(ErrorKind::kInvalidInput, "'{}' is not an image id", printable(id));
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    if (::unlinkat(cas_.get(), image_path(id).c_str(), 0) != 0) {
      if (errno == ENOENT) return fail(ErrorKind::kNotFound, "image '{}' is not in the store", id);
      return sys_fail("removing image '{}'", id);
    }
    return Index::Changed{.added = std::nullopt, .removed = {id}};
  }));
  return sys::sync_dir(cas_, layout::kImages);
}

// Several at once; those that are gone already are no error.
Result<> Store::remove_records(const std::vector<std::string>& ids) {
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    for (const std::string& id : ids)
      if (::unlinkat(cas_.get(), image_path(id).c_str(), 0) != 0 && errno != ENOENT)
        return sys_fail("removing image '{}'", id);
    return Index::Changed{.added = std::nullopt, .removed = ids};
  }));
  return sys::sync_dir(cas_, layout::kImages);
}

// Reads a record, changes it, and puts it in its place with the time of last use that it had. `change` says
// whether there is anything to be written.
Result<> Store::change_record(const std::string& id, const std::function<bool(ImageRecord&)>& change) {
  const Staging staging = TRY(stage());
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    ImageRecord record = TRY(read_image(id));
    if (!change(record)) return Index::Changed{.added = std::move(record), .removed = {}};
    TRY(write_shared_file(cas_, staging, "record", TRY(image_record_to_json(record))));
    const std::array times = {
        timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
        timespec{.tv_sec = record.last_used / kSecond, .tv_nsec = record.last_used % kSecond}};
    if (::utimensat(staging.dir().get(), "record", times.data(), AT_SYMLINK_NOFOLLOW) != 0)
      return sys_fail("setting the time of an image record");
    TRY(sys::rename_at(staging.dir(), "record", cas_, image_path(id)));
    return Index::Changed{.added = std::move(record), .removed = {}};
  }));
  return sys::sync_dir(cas_, layout::kImages);
}

namespace {

bool drop_name(ImageRecord& record, const std::string& name) {
  return std::erase_if(record.names, [&](const ImageName& held) { return held.name == name; }) > 0;
}

// An image that is gone holds no name.
Result<> unless_gone(Result<> changed) {
  if (!changed && changed.error().kind() == ErrorKind::kNotFound) return {};
  return changed;
}

}  // namespace

Result<ImageRecord> Store::add_name(const std::string& id, const std::string& name) {
  // Its later time makes the new holder win; the others lose the name afterwards, so that it always stands
  // for an image.
  TRY(change_record(id, [&](ImageRecord& record) {
    merge_names(record.names, {{.name = name, .time = now()}});
    return true;
  }));
  for (const std::string& holder : TRY(TRY(index())->find_by_fetched_name(name)))
    if (holder != id)
      TRY(unless_gone(change_record(holder, [&](ImageRecord& record) { return drop_name(record, name); })));
  return read_image(id);
}

Result<std::vector<std::string>> Store::remove_name(const std::string& name) {
  const std::vector<std::string> holders = TRY(TRY(index())->find_by_fetched_name(name));
  // The newest holder last: until then the name stands for the image that it has stood for.
  for (auto holder = holders.rbegin(); holder != holders.rend(); ++holder)
    TRY(unless_gone(change_record(*holder, [&](ImageRecord& record) { return drop_name(record, name); })));
  return holders;
}

}  // namespace agena::stage0
