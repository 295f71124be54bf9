// A source in one local file, and what of it goes into the store's file cache. Internal to stage0/image.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct LocalFile {
  std::string path;  // absolute, without symlinks
  sys::UniqueFd fd;  // open for reading, at its start
  std::uint64_t size = 0;
  // Its identity before reading; unset if the cache cannot hold it.
  std::optional<Store::FileKey> key;
};

// Opens a regular file for reading; kInvalidInput if it is something else. It is looked at before it is
// opened, since opening a device or a pipe has effects. Symlinks are followed.
Result<sys::UniqueFd> open_regular(sys::DirRef dir, const std::string& path);

// Opens a source. The selector says what of it is meant.
Result<LocalFile> open_local_file(const std::string& path, const std::string& selector);

// Text that tells this file, as it is now, and what of it is meant, from all others.
std::string source_of(const Store::FileKey& key);

// Notes what the file was imported as and under which names, unless it changed while it was read.
Result<> remember_local_file(Store& store, const LocalFile& file, const std::string& id,
                             const std::vector<std::string>& names = {});

// Removes what killed imports left behind, before more is written. Failing to is no reason not to import.
void clear_leftovers(const Store& store);

}  // namespace agena::stage0
