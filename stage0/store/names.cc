// Changes of records that are there: removing them, and giving and taking names.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/store/index.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<> Store::remove_image(const std::string& id, const std::vector<ImageName>* names) {
  if (mode_ == Mode::kReadOnly)
    return fail(ErrorKind::kPermission, "the store in '{}' is open for reading only", path_);
  if (!is_image_id(id)) return fail(ErrorKind::kInvalidInput, "'{}' is not an image id", printable(id));
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    if (names != nullptr && TRY(read_image(id)).names != *names)
      return fail(ErrorKind::kBusy, "somebody else changes the names of image '{}'", id);
    if (::unlinkat(cas_.get(), image_path(id).c_str(), 0) != 0) {
      if (errno == ENOENT) return fail(ErrorKind::kNotFound, "image '{}' is not in the store", id);
      return sys_fail("removing image '{}'", id);
    }
    return Index::Changed{.changed = {}, .removed = {id}};
  }));
  return sys::sync_dir(cas_, layout::kImages);
}

// Several at once; those that are gone already are no error.
Result<> Store::remove_records(const std::vector<std::string>& ids) {
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    for (const std::string& id : ids)
      if (::unlinkat(cas_.get(), image_path(id).c_str(), 0) != 0 && errno != ENOENT)
        return sys_fail("removing image '{}'", id);
    return Index::Changed{.changed = {}, .removed = ids};
  }));
  return sys::sync_dir(cas_, layout::kImages);
}

// Puts a changed record in its place, with the time of last use that it has had.
Result<> Store::replace_record(const Staging& staging, const ImageRecord& record) {
  const std::string path = image_path(record.id);
  TRY(write_shared_file(cas_, staging, "record", TRY(image_record_to_json(record))));
  const auto set_time = [](const sys::DirFd& dir, const std::string& file, Nanoseconds time) -> Result<> {
    const std::array times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                              timespec{.tv_sec = time / kSecond, .tv_nsec = time % kSecond}};
    if (::utimensat(dir.get(), file.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
      return sys_fail("setting the time of an image record");
    return {};
  };
  TRY(set_time(staging.dir(), "record", record.last_used));
  const sys::UniqueFd old = TRY(sys::open_at(cas_, path, O_RDONLY | O_NOFOLLOW));
  TRY(sys::rename_at(staging.dir(), "record", cas_, path));
  // A use that was noted since the record was read: in the old file, whose time counts if it is the later
  // one.
  struct stat st{};
  if (::fstat(old.get(), &st) == 0 && sys::mtime_of(st) > record.last_used &&
      sys::mtime_of(st) > sys::mtime_of(TRY(sys::stat_at(cas_, path))))
    TRY(set_time(cas_, path, sys::mtime_of(st)));
  return {};
}

// Takes a name from all images but `keeper` that got it no later than `until`. Records that cannot be read or
// written keep it, for that is no reason to refuse the name to another; the latest time tells whose it is.
Result<> Store::take_name(const std::string& name, const std::string& keeper, Nanoseconds until,
                          const Staging& staging, std::vector<ImageRecord>& changed) {
  for (const std::string& id : TRY(TRY(index())->holders_while_changing(name))) {
    if (id == keeper) continue;
    auto record = read_record(cas_, id);
    if (!record) {
      log::debug("store: {}", record.error().to_string());
      continue;
    }
    const auto is_it = [&](const ImageName& held) { return held.name == name && held.time <= until; };
    if (std::erase_if(record->names, is_it) == 0) continue;
    if (const auto replaced = replace_record(staging, *record); !replaced)
      log::debug("store: image '{}' keeps the name '{}': {}", id, printable(name),
                 replaced.error().to_string());
    else
      changed.push_back(*std::move(record));
  }
  return {};
}

// The names that an image gets when it is committed: one that another image got later stays with that one,
// unless that time lies in the future, where a clock that was wrong has put it.
Result<std::vector<ImageName>> Store::names_to_get(const ImageRecord& record) {
  std::vector<ImageName> names;
  const Nanoseconds present = now();
  for (const ImageName& name : record.names) {
    bool is_late = false;
    if (!is_pinned(name.name))
      for (const std::string& id : TRY(TRY(index())->holders_while_changing(name.name))) {
        const auto other = id == record.id ? Result<ImageRecord>(record) : read_record(cas_, id);
        if (!other) continue;
        const auto held = std::ranges::find(other->names, name.name, &ImageName::name);
        is_late = is_late || (held != other->names.end() && held->time > name.time && held->time <= present);
      }
    if (!is_late) names.push_back(name);
  }
  return names;
}

Result<> Store::add_trust(const std::string& id, const ImageTrust& trust) {
  const Staging staging = TRY(stage());
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    ImageRecord record = TRY(read_image(id));
    if (!record.trust.add(trust)) return Index::Changed();
    TRY(replace_record(staging, record));
    return Index::Changed{.changed = {std::move(record)}, .removed = {}};
  }));
  return sys::sync_dir(cas_, layout::kImages);
}

Result<ImageRecord> Store::add_name(const std::string& id, const std::string& name) {
  const Staging staging = TRY(stage());
  std::optional<ImageRecord> record;
  // One change, so that of two that give the name to different images at the same time one comes after the
  // other.
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    record = TRY(read_image(id));
    std::erase_if(record->names, [&](const ImageName& held) { return held.name == name; });
    record->names.push_back({.name = name, .time = now()});
    TRY(replace_record(staging, *record));
    std::vector<ImageRecord> changed = {*record};
    TRY(take_name(name, id, std::numeric_limits<Nanoseconds>::max(), staging, changed));
    return Index::Changed{.changed = std::move(changed), .removed = {}};
  }));
  TRY(sys::sync_dir(cas_, layout::kImages));
  return *std::move(record);
}

Result<std::vector<std::string>> Store::remove_name(const std::string& name,
                                                    std::optional<Nanoseconds> until) {
  const Staging staging = TRY(stage());
  std::vector<std::string> ids;
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    std::vector<ImageRecord> changed;
    TRY(take_name(name, "", until.value_or(std::numeric_limits<Nanoseconds>::max()), staging, changed));
    for (const ImageRecord& record : changed) ids.push_back(record.id);
    return Index::Changed{.changed = std::move(changed), .removed = {}};
  }));
  TRY(sys::sync_dir(cas_, layout::kImages));
  return ids;
}

Result<std::vector<ImageRecord>> Store::holders_of(const std::string& name) {
  std::vector<ImageRecord> records;
  if (!cas_) return records;
  for (const std::string& id : TRY(TRY(index())->find_by_fetched_name(name))) {
    auto record = read_record(cas_, id);
    if (record)
      records.push_back(*std::move(record));
    else if (record.error().kind() != ErrorKind::kNotFound)
      return std::unexpected(record.error());
  }
  return records;
}

}  // namespace agena::stage0
