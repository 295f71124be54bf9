// The index: a SQLite cache (WAL) of the records in cas/images, so that names, digests and local files are
// found without reading them all. Nothing in it is the truth; it is made anew whenever it does not fit.
//
// How it stays right: records change only while cas/index.lock is held exclusively and inside a transaction
// that ends by noting inode and ctime of cas/images, the *stamp*. A process that dies in between leaves a
// directory whose ctime is not the stamp, and whoever looks next reads all records again. A ctime cannot be
// set back or copied, so a restored backup and a hand that removes a record are noticed as well. Time stamps
// of older kernels move in steps of some milliseconds, so a change first waits until the clock has moved past
// the last one. After a power cut it is whole, by SQLite's own syncs, and where it is older than the records
// its stamp does not fit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/image_record.h"
#include "stage0/store/sqlite.h"

namespace agena::stage0 {

class Index {
 public:
  // What find_file() compares, besides path and selector: changes when the file does.
  struct FileRow {
    std::string_view path;
    std::string_view selector;
    std::string_view identity;
  };

  // Opens the index of a store. Not writable, or not to be had (no permission, disk full): a private one in
  // memory is made from the records. cas_path is the absolute path of DATA/cas.
  static Result<std::unique_ptr<Index>> open(std::string cas_path, bool writable);

  // Ids of images, by start of the id (at most `limit`); by start of the manifest's or config's digest; by a
  // name that they were fetched by, newest holder first; by appc name, newest import first.
  Result<std::vector<std::string>> find_by_id(std::string_view prefix, int limit);
  Result<std::vector<std::string>> find_by_digest(std::string_view prefix, int limit);
  Result<std::vector<std::string>> find_by_fetched_name(std::string_view name);
  Result<std::vector<std::string>> find_by_app_name(std::string_view name);
  // What a local file was imported as, and the names that it gave. The image may be gone by now.
  struct FileContent {
    std::string id;
    std::vector<std::string> names;
  };
  Result<std::optional<FileContent>> find_file(const FileRow& file);

  // Changes cas/images: change() renames or unlinks under the lock and returns the records that are new or
  // other than they were, and the ids that are gone. Its error is passed on; a failure of the index alone is
  // none.
  struct Changed {
    std::vector<ImageRecord> changed;
    std::vector<std::string> removed;
  };
  Result<> change_records(const std::function<Result<Changed>()>& change);
  // Only for use by change(): ids of the images that hold a name now, in no order.
  Result<std::vector<std::string>> holders_while_changing(const std::string& name);
  // Notes what a local file was imported as.
  Result<> remember_file(const FileRow& file, const FileContent& content);

 private:
  Index(std::string cas_path, sys::DirFd cas, bool writable)
      : cas_path_(std::move(cas_path)), cas_(std::move(cas)), writable_(writable) {}

  Result<bool> try_open();
  Result<> open_on_disk();
  Result<> open_in_memory();
  Result<> reopen_locked();
  Result<> replace_locked();
  Result<> repair();
  Result<bool> is_current();
  Result<> make_current();
  Result<> read_records();
  Result<> insert(const ImageRecord& record);
  Result<> replace(const ImageRecord& record);
  Result<> erase(std::string_view id);
  Result<> write_stamp();
  template <class Fn>
  auto guarded(Fn fn) -> decltype(fn());
  template <class Fn>
  Result<> in_transaction(Fn fn);
  Result<std::vector<std::string>> ids_in_range(std::string_view sql, std::string_view prefix, int limit);
  Result<std::vector<std::string>> ids_of_name(std::string_view sql, std::string_view name);

  std::string cas_path_;
  sys::DirFd cas_;
  bool writable_;
  bool on_disk_ = false;
  bool changing_ = false;    // change() is running, and the index is what it was before
  std::string opened_file_;  // dev and inode of the database that is open
  std::optional<sqlite::Database> database_;
};

}  // namespace agena::stage0
