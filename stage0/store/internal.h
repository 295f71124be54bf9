// Shared by the store's sources and of no use outside.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Longest `meta` of a layer, in bytes.
inline constexpr std::size_t kMaxLayerMetaBytes = 256U << 20U;

// A name that no other process and no other call uses: "<pid>-<16 hex digits>".
std::string unique_name();
// Renames something in the store (path relative to cas) into the trash, where it bears its name and a unique
// end.
Result<> move_to_trash(const sys::DirFd& cas, const std::string& path, const std::string& name);
// Writes and syncs a file in a staging directory that is to be renamed to where the store's group may read
// it: 0660, and of the group of `cas`.
Result<> write_shared_file(const sys::DirFd& cas, const Staging& staging, const std::string& name,
                           std::string_view bytes);
// Opens a directory and locks it, so that no cleaner takes it; nullopt if it is locked or gone.
Result<std::optional<sys::DirFd>> try_lock_dir(sys::DirRef parent, const std::string& name);
// Layer keys that imports in progress count on (Store::claim), as written. What cannot be read is an error:
// who would go on without deletes layers that somebody needs.
Result<std::vector<std::string>> collect_claims(const sys::DirFd& cas);
// Undoes what a process that died amid a repair took out of sight into its staging directory (which the
// caller has locked). On error what lies there must stay.
Result<> put_back_aside(const sys::DirFd& cas, const sys::DirFd& staging);
// Path of a record, relative to cas.
std::string image_path(const std::string& id);
// Adds the names; those that are there get the later time.
void merge_names(std::vector<ImageName>& names, const std::vector<ImageName>& more);
// Whether the name has a digest in it and so can mean no other content.
bool is_pinned(std::string_view name);
// Reads cas/images/<id>; kNotFound if there is none.
Result<ImageRecord> read_record(const sys::DirFd& cas, const std::string& id);

}  // namespace agena::stage0
