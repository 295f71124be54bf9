#include "stage0/store/sqlite.h"

#include <sqlite3.h>

namespace agena::stage0::sqlite {
namespace {

std::unexpected<Error> sqlite_fail(sqlite3* handle) {
  const int code = sqlite3_errcode(handle);
  const ErrorKind kind = code == SQLITE_BUSY ? ErrorKind::kBusy : ErrorKind::kSystem;
  return fail(kind, "index database: {}", sqlite3_errmsg(handle));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { (void)sqlite3_finalize(statement); }

Statement& Statement::bind(int parameter, std::string_view text) {
  // A failed bind (out of memory, wrong number) makes the parameter NULL, which no query of ours matches.
  (void)sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC,
                            SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int parameter, std::int64_t number) {
  (void)sqlite3_bind_int64(statement_.get(), parameter, number);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_fail(sqlite3_db_handle(statement_.get()));
}

Result<> Statement::run() {
  while (TRY(step())) continue;
  return {};
}

std::string Statement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {bytes, bytes + sqlite3_column_bytes(statement_.get(), column)};
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

void Database::Close::operator()(sqlite3* handle) const { (void)sqlite3_close_v2(handle); }

Result<Database> Database::open(const std::string& path, Access access, int busy_timeout_ms) {
  const bool memory = access == Access::kMemory;
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (access == Access::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(memory ? ":memory:" : path.c_str(), &raw, flags, nullptr);
  Database database(raw, busy_timeout_ms);
  if (code != SQLITE_OK) return sqlite_fail(raw);
  (void)sqlite3_extended_result_codes(raw, 1);
  (void)sqlite3_busy_timeout(raw, busy_timeout_ms);
  // The last of several connections would otherwise write the log back on closing, with syncs, even where it
  // only read: that is the writers' work (checkpoint()).
  (void)sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    return sqlite_fail(handle_.get());
  return Statement(statement);
}

Result<> Database::run(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return sqlite_fail(handle_.get());
  return {};
}

void Database::checkpoint() {
  // Best effort: who still reads the log lets the next writer do it.
  (void)sqlite3_busy_timeout(handle_.get(), 0);
  (void)sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  (void)sqlite3_busy_timeout(handle_.get(), busy_timeout_ms_);
}

bool Database::is_damaged() const {
  switch (sqlite3_extended_errcode(handle_.get()) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // a table or column is not there
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT:
    case SQLITE_CONSTRAINT:
      return true;
    case SQLITE_IOERR:
      return sqlite3_extended_errcode(handle_.get()) == SQLITE_IOERR_SHORT_READ;
    default:
      return false;
  }
}

}  // namespace agena::stage0::sqlite
