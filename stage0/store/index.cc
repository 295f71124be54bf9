#include "stage0/store/index.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"

namespace agena::stage0 {
namespace {

constexpr std::int64_t kSchemaVersion = 2;
constexpr int kBusyTimeoutMs = 10'000;

constexpr const char* kSchema = R"sql(
BEGIN;
CREATE TABLE images(id TEXT PRIMARY KEY, name TEXT, import_time INTEGER) WITHOUT ROWID;
CREATE INDEX images_by_name ON images(name);
CREATE TABLE digests(digest TEXT, id TEXT, PRIMARY KEY(digest, id)) WITHOUT ROWID;
CREATE TABLE names(name TEXT, id TEXT, time INTEGER, PRIMARY KEY(name, id)) WITHOUT ROWID;
CREATE TABLE files(path TEXT, selector TEXT, identity TEXT, id TEXT, names TEXT,
                   PRIMARY KEY(path, selector)) WITHOUT ROWID;
CREATE TABLE state(stamp TEXT);
PRAGMA user_version = 2;
COMMIT;
)sql";

Result<std::string> identity_of(const sys::DirFd& dir, const char* name) {
  const struct stat st = TRY(sys::stat_at(dir, name));
  return fmt::format("{}:{}", st.st_dev, st.st_ino);
}

Result<std::string> stamp_of(const sys::DirFd& cas) {
  const struct stat st = TRY(sys::stat_at(cas, layout::kImages));
  return fmt::format("{}:{}", st.st_ino, sys::ctime_of(st));
}

// Waits until a change of the directory must get another ctime than it has now; see the header.
Result<> wait_for_tick(const sys::DirFd& cas) {
  constexpr int kMostSteps = 30;  // a clock that was set back must not hold us up
  const Nanoseconds last = sys::ctime_of(TRY(sys::stat_at(cas, layout::kImages)));
  for (int step = 0; step < kMostSteps; ++step) {
    timespec coarse{};
    (void)::clock_gettime(CLOCK_REALTIME_COARSE, &coarse);
    if (coarse.tv_sec * kSecond + coarse.tv_nsec > last) break;
    const timespec nap{.tv_sec = 0, .tv_nsec = 1'000'000};
    (void)::nanosleep(&nap, nullptr);
  }
  return {};
}

Result<sys::FileLock> lock_index(const sys::DirFd& cas) {
  sys::UniqueFd fd = TRY(sys::open_at(cas, layout::kIndexLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0660));
  return sys::FileLock::wait(std::move(fd), sys::LockMode::kExclusive);
}

Result<std::int64_t> schema_version(sqlite::Database& database) {
  auto statement = TRY(database.prepare("PRAGMA user_version"));
  return TRY(statement.step()) ? statement.number(0) : 0;
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(std::string cas_path, bool writable) {
  sys::DirFd cas = TRY(sys::open_dir(cas_path));
  std::unique_ptr<Index> index(new Index(std::move(cas_path), std::move(cas), writable));
  auto opened = index->open_on_disk();
  if (!opened) {
    log::debug("index: {}; using one in memory", opened.error().to_string());
    TRY(index->open_in_memory());
  }
  return index;
}

// Opens the file; false if it is not there, not ours or of another version.
Result<bool> Index::try_open() {
  on_disk_ = false;
  database_.reset();
  auto present = sys::exists(cas_, layout::kIndex);
  if (!present || !*present) return present;
  opened_file_ = TRY(identity_of(cas_, layout::kIndex));
  database_ = TRY(sqlite::Database::open(cas_path_ + "/" + layout::kIndex,
                                         writable_ ? sqlite::Access::kReadWrite : sqlite::Access::kReadOnly,
                                         kBusyTimeoutMs));
  const auto version = schema_version(*database_);
  if (!version && !database_->is_damaged()) return std::unexpected(version.error());
  on_disk_ = version && *version == kSchemaVersion;
  return on_disk_;
}

Result<> Index::open_on_disk() {
  if (TRY(try_open())) return {};
  if (!writable_) return fail(ErrorKind::kNotFound, "index database: none of this version");
  const sys::FileLock lock = TRY(lock_index(cas_));
  return reopen_locked();
}

// Opens what another process may have made while we waited for the lock, or makes it.
Result<> Index::reopen_locked() {
  if (TRY(try_open())) return {};
  return replace_locked();
}

Result<> Index::replace_locked() {
  database_.reset();
  on_disk_ = false;
  // The database goes first: SQLite drops a log that lies beside an empty database, but would apply it to
  // another.
  for (const char* suffix : {"", "-wal", "-shm"})
    TRY(sys::remove_file(cas_, std::string(layout::kIndex) + suffix));
  // Made beforehand for its mode, which SQLite gives to the files beside it too.
  TRY(sys::write_file(cas_, layout::kIndex, "", 0660));
  opened_file_ = TRY(identity_of(cas_, layout::kIndex));
  database_ = TRY(
      sqlite::Database::open(cas_path_ + "/" + layout::kIndex, sqlite::Access::kReadWrite, kBusyTimeoutMs));
  TRY(database_->run("PRAGMA journal_mode = WAL"));
  TRY(database_->run(kSchema));
  on_disk_ = true;
  return {};
}

// After a query that failed because the file is damaged.
Result<> Index::repair() {
  const sys::FileLock lock = TRY(lock_index(cas_));
  const auto present = identity_of(cas_, layout::kIndex);
  return present && *present != opened_file_ ? reopen_locked() : replace_locked();
}

Result<> Index::open_in_memory() {
  on_disk_ = false;
  database_ = TRY(sqlite::Database::open("", sqlite::Access::kMemory, 0));
  return database_->run(kSchema);
}

Result<bool> Index::is_current() {
  auto statement = TRY(database_->prepare("SELECT stamp FROM state"));
  if (!TRY(statement.step())) return false;
  return statement.text(0) == TRY(stamp_of(cas_));
}

template <class Fn>
Result<> Index::in_transaction(Fn fn) {
  TRY(database_->run("BEGIN IMMEDIATE"));
  Result<> done = fn();
  if (done) done = database_->run("COMMIT");
  // SQLite has rolled back by itself after some failures; then this one fails, which is no news.
  if (!done) (void)database_->run("ROLLBACK");
  return done;
}

Result<> Index::make_current() {
  if (TRY(is_current())) return {};
  if (on_disk_ && !writable_) TRY(open_in_memory());
  if (!on_disk_) return in_transaction([&] { return read_records(); });
  const sys::FileLock lock = TRY(lock_index(cas_));
  if (TRY(identity_of(cas_, layout::kIndex)) != opened_file_) TRY(reopen_locked());
  return in_transaction([&]() -> Result<> {
    if (TRY(is_current())) return {};
    return read_records();
  });
}

// Runs fn on a current index; one that turns out to be damaged is made anew, and if that does not help
// either, one in memory serves.
template <class Fn>
auto Index::guarded(Fn fn) -> decltype(fn()) {
  auto attempt = [&]() -> decltype(fn()) {
    TRY(make_current());
    return fn();
  };
  auto result = attempt();
  if (result || !on_disk_) return result;
  log::debug("index: {}", result.error().to_string());
  if (writable_ && database_->is_damaged() && repair()) {
    result = attempt();
    if (result) return result;
  }
  TRY(open_in_memory());
  return attempt();
}

namespace {
// Behind every text that begins with the prefix, for ASCII.
std::string end_of_range(std::string_view prefix) { return std::string(prefix) + "\x7f"; }

Result<std::vector<std::string>> first_column(sqlite::Statement& statement) {
  std::vector<std::string> rows;
  while (TRY(statement.step())) rows.push_back(statement.text(0));
  return rows;
}
}  // namespace

Result<std::vector<std::string>> Index::ids_in_range(std::string_view sql, std::string_view prefix,
                                                     int limit) {
  const std::string end = end_of_range(prefix);
  return guarded([&]() -> Result<std::vector<std::string>> {
    auto statement = TRY(database_->prepare(sql));
    statement.bind(1, prefix).bind(2, end).bind(3, limit);
    return first_column(statement);
  });
}

Result<std::vector<std::string>> Index::ids_of_name(std::string_view sql, std::string_view name) {
  return guarded([&]() -> Result<std::vector<std::string>> {
    auto statement = TRY(database_->prepare(sql));
    statement.bind(1, name);
    return first_column(statement);
  });
}

Result<std::vector<std::string>> Index::find_by_id(std::string_view prefix, int limit) {
  return ids_in_range("SELECT id FROM images WHERE id >= ?1 AND id < ?2 LIMIT ?3", prefix, limit);
}

Result<std::vector<std::string>> Index::find_by_digest(std::string_view prefix, int limit) {
  return ids_in_range("SELECT DISTINCT id FROM digests WHERE digest >= ?1 AND digest < ?2 LIMIT ?3", prefix,
                      limit);
}

Result<std::vector<std::string>> Index::find_by_fetched_name(std::string_view name) {
  return ids_of_name("SELECT id FROM names WHERE name = ?1 ORDER BY time DESC, id", name);
}

Result<std::vector<std::string>> Index::find_by_app_name(std::string_view name) {
  return ids_of_name("SELECT id FROM images WHERE name = ?1 ORDER BY import_time DESC, id", name);
}

Result<std::optional<Index::FileContent>> Index::find_file(const FileRow& file) {
  // No look at the stamp: the caller reads the record, and one that is gone is a miss. So is any failure.
  if (!on_disk_) return std::nullopt;
  auto statement = TRY(
      database_->prepare("SELECT id, names FROM files WHERE path = ?1 AND selector = ?2 AND identity = ?3"));
  statement.bind(1, file.path).bind(2, file.selector).bind(3, file.identity);
  if (!TRY(statement.step())) return std::nullopt;
  FileContent content{.id = statement.text(0), .names = split(statement.text(1), '\n')};
  std::erase(content.names, "");
  return content;
}

Result<> Index::insert(const ImageRecord& record) {
  auto image = TRY(database_->prepare("INSERT OR REPLACE INTO images VALUES(?1, ?2, ?3)"));
  TRY(image.bind(1, record.id).bind(2, record.manifest.name.str()).bind(3, record.import_time).run());
  for (const ImageName& name : record.names) {
    auto row = TRY(database_->prepare("INSERT OR REPLACE INTO names VALUES(?1, ?2, ?3)"));
    TRY(row.bind(1, name.name).bind(2, record.id).bind(3, name.time).run());
  }
  if (!record.oci) return {};
  for (const auto& digest : {record.oci->manifest_digest, record.oci->config_digest}) {
    if (!digest) continue;
    const std::string text = digest->str();
    auto row = TRY(database_->prepare("INSERT OR REPLACE INTO digests VALUES(?1, ?2)"));
    TRY(row.bind(1, text).bind(2, record.id).run());
  }
  return {};
}

// A changed record may have lost names.
Result<> Index::replace(const ImageRecord& record) {
  auto names = TRY(database_->prepare("DELETE FROM names WHERE id = ?1"));
  TRY(names.bind(1, record.id).run());
  return insert(record);
}

Result<> Index::erase(std::string_view id) {
  for (const char* sql : {"DELETE FROM images WHERE id = ?1", "DELETE FROM names WHERE id = ?1",
                          "DELETE FROM digests WHERE id = ?1", "DELETE FROM files WHERE id = ?1"}) {
    auto statement = TRY(database_->prepare(sql));
    TRY(statement.bind(1, id).run());
  }
  return {};
}

Result<> Index::write_stamp() {
  const std::string stamp = TRY(stamp_of(cas_));
  TRY(database_->run("DELETE FROM state"));
  auto statement = TRY(database_->prepare("INSERT INTO state VALUES(?1)"));
  return statement.bind(1, stamp).run();
}

Result<> Index::read_records() {
  TRY(database_->run("DELETE FROM images; DELETE FROM names; DELETE FROM digests"));
  for (const std::string& name : TRY(sys::list_dir(cas_, layout::kImages))) {
    const auto record = read_record(cas_, name);
    if (record)
      TRY(insert(*record));
    else
      log::debug("index: {}", record.error().to_string());
  }
  TRY(database_->run("DELETE FROM files WHERE id NOT IN (SELECT id FROM images)"));
  return write_stamp();
}

Result<> Index::change_records(const std::function<Result<Changed>()>& change) {
  const sys::FileLock lock = TRY(lock_index(cas_));
  TRY(wait_for_tick(cas_));
  std::optional<Result<Changed>> changed;
  auto change_both = [&]() -> Result<> {
    if (!TRY(is_current())) TRY(read_records());
    changing_ = true;
    changed = change();
    changing_ = false;
    if (!*changed) return std::unexpected(changed->error());
    for (const std::string& id : (*changed)->removed) TRY(erase(id));
    for (const ImageRecord& record : (*changed)->changed) TRY(replace(record));
    return write_stamp();
  };
  auto index_work = [&]() -> Result<> {
    if (on_disk_ && TRY(identity_of(cas_, layout::kIndex)) != opened_file_) TRY(reopen_locked());
    return in_transaction(change_both);
  };
  const Result<> indexed = index_work();
  if (!changed) changed = change();
  if (!*changed) return std::unexpected(std::move(*changed).error());
  // The records are what counts; an index that did not keep up has the wrong stamp now.
  if (!indexed) log::debug("index: {}", indexed.error().to_string());
  if (indexed && on_disk_) database_->checkpoint();
  return {};
}

Result<std::vector<std::string>> Index::holders_while_changing(const std::string& name) {
  auto look_up = [&]() -> Result<std::vector<std::string>> {
    auto statement = TRY(database_->prepare("SELECT id FROM names WHERE name = ?1"));
    statement.bind(1, name);
    return first_column(statement);
  };
  if (changing_)
    if (auto ids = look_up()) return ids;
  // Without an index: the records themselves.
  std::vector<std::string> ids;
  for (std::string& id : TRY(sys::list_dir(cas_, layout::kImages))) {
    const auto record = read_record(cas_, id);
    if (record && std::ranges::find(record->names, name, &ImageName::name) != record->names.end())
      ids.push_back(std::move(id));
  }
  return ids;
}

Result<> Index::remember_file(const FileRow& file, const FileContent& content) {
  if (!on_disk_ || !writable_) return {};
  // Not worth more: nobody names an image so.
  if (std::ranges::any_of(content.names, [](const std::string& name) { return name.contains('\n'); }))
    return {};
  const std::string names = join(content.names, "\n");
  const sys::FileLock lock = TRY(lock_index(cas_));
  if (TRY(identity_of(cas_, layout::kIndex)) != opened_file_) TRY(reopen_locked());
  auto statement = TRY(database_->prepare("INSERT OR REPLACE INTO files VALUES(?1, ?2, ?3, ?4, ?5)"));
  statement.bind(1, file.path).bind(2, file.selector).bind(3, file.identity);
  return statement.bind(4, content.id).bind(5, names).run();
}

}  // namespace agena::stage0
