// The little of SQLite that the index needs, as owners and Results. SQLite's own types stay inside.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace agena::stage0::sqlite {

// A prepared statement, used once: bind, step, read columns.
class Statement {
 public:
  // Parameters count from 1. The text must outlive the statement.
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::int64_t number);
  // Whether there is a (next) row.
  Result<bool> step();
  // Steps to the end.
  Result<> run();
  // Columns count from 0.
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

enum class Access { kReadOnly, kReadWrite, kMemory };

// A connection. Not for several threads.
class Database {
 public:
  // Opens a file (created if need be, unless read-only), or a database in memory (path is ignored). Waits for
  // other writers up to the time given.
  static Result<Database> open(const std::string& path, Access access, int busy_timeout_ms);

  Result<Statement> prepare(std::string_view sql);
  // Runs statements without parameters and results.
  Result<> run(const std::string& sql);
  // Copies what the write-ahead log holds into the database and empties the log, unless somebody reads it.
  void checkpoint();
  // Whether the last failure says that the file is not (or no longer) a database of ours.
  bool is_damaged() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(sqlite3* handle, int busy_timeout_ms) : handle_(handle), busy_timeout_ms_(busy_timeout_ms) {}
  std::unique_ptr<sqlite3, Close> handle_;
  int busy_timeout_ms_;
};

}  // namespace agena::stage0::sqlite
