// SQLite with owned handles and errors as values.
//
//   auto select = connection.prepare("SELECT title FROM documents WHERE id = ?");
//   if (!select) return forward_error(select);
//   select->bind(id);
//   auto row = select->step();            // true: a row; false: done
//   if (row && *row) use(select->text(0));
//
// A prepared statement stays with its connection and is used again for the same SQL, so `sql` must
// be constant; statements built at run time come from `prepare_once`. A Statement must not outlive
// its connection.
//
// Thread safety: none. A connection and its statements belong to one thread at a time.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "store/commit_stamp.h"
#include "store/statement_counts.h"

struct sqlite3;
struct sqlite3_stmt;

namespace raglan::store {

class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Binds parameters 1, 2, ... . Text and blobs are not copied: they must live until the last step.
  // A value that cannot be bound is reported by the next step.
  template <typename... Values>
  void bind(const Values&... values) {
    reset();
    bind_from(1, values...);
  }
  // Parameters `index` and on of a statement that has not been stepped yet.
  template <typename... Values>
  void bind_from(int index, const Values&... values) {
    (bind_at(index++, values), ...);
  }
  void bind_at(int index, std::string_view text);
  void bind_at(int index, std::span<const std::byte> blob);
  void bind_at(int index, double number);
  void bind_at(int index, std::int64_t number);
  void bind_at(int index, std::integral auto number) {
    bind_at(index, static_cast<std::int64_t>(number));
  }

  // True when there is a row, whose columns are valid until the next step; false at the end.
  Result<bool> step();
  // Steps to the end.
  Result<> run();

  std::string_view text(int column) const;
  std::span<const std::byte> blob(int column) const;
  std::int64_t integer(int column) const;
  std::uint64_t unsigned_integer(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }

 private:
  friend class Connection;
  Statement(sqlite3_stmt* handle, bool* in_use, StatementCounts* executed)
      : handle_(handle), in_use_(in_use), executed_(executed) {}
  void reset();
  void count() const;

  sqlite3_stmt* handle_;
  bool* in_use_; // the cache entry's flag; null: the statement is this object's own
  StatementCounts* executed_;
  int bind_error_ = 0;
  bool started_ = false;
};

class Connection {
 public:
  struct Options {
    bool create = false;
    std::chrono::milliseconds busy_timeout{0}; // 0: fails at once when another process writes
    StatementCounts* executed = nullptr;       // may be null
  };
  // WAL, synchronous=FULL, foreign keys on, automatic checkpoints off (writer.h does them).
  static Result<Connection> open(const std::filesystem::path& path, Options options);

  Connection(Connection&&) = default;
  Connection& operator=(Connection&&) = default;

  Result<Statement> prepare(std::string_view sql);
  Result<Statement> prepare_once(std::string_view sql);
  // Runs one or several statements without parameters or results.
  Result<> execute(const char* sql);
  // Prepares, binds and runs to the end.
  template <typename... Values>
  Result<> run(std::string_view sql, const Values&... values) {
    auto statement = prepare(sql);
    if (!statement) return forward_error(statement);
    statement->bind(values...);
    return statement->run();
  }
  // The first column of the first row as a number; kNotFound when there is no row.
  Result<std::int64_t> query_integer(std::string_view sql);

  // Equal to the last one when nothing was committed in between (commit_stamp.h).
  Result<CommitStamp> commit_stamp();

  std::int64_t last_insert_rowid() const;
  // kUnavailable when the database is no longer the file of the path that was opened.
  Result<> check_place() const;
  std::int64_t changes() const; // rows that the last statement inserted, updated or deleted
  bool in_transaction() const;  // false after an error that made SQLite roll back by itself

  // Copies the write-ahead log into the database. Without `restart` it never waits; with it, it
  // waits (at most busy_timeout) for readers, so that the log starts anew.
  Result<> checkpoint(bool restart);

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  struct Cached {
    std::unique_ptr<sqlite3_stmt, Finalize> handle;
    bool in_use = false;
  };
  Connection(std::unique_ptr<sqlite3, Close> handle, StatementCounts* executed)
      : handle_(std::move(handle)), executed_(executed) {}
  Result<> configure(std::chrono::milliseconds busy_timeout);
  Result<sqlite3_stmt*> compile(std::string_view sql, unsigned flags);

  std::unique_ptr<sqlite3, Close> handle_; // before cache_: statements are finalized first
  StatementCounts* executed_;
  WalIndex wal_index_;
  std::unordered_map<std::string_view, std::unique_ptr<Cached>> cache_;
};

// A read transaction: what is read within it comes from one snapshot. Ends with its scope.
class ReadTransaction {
 public:
  static Result<ReadTransaction> begin(Connection& connection);
  ReadTransaction(ReadTransaction&& other) noexcept;
  ReadTransaction& operator=(ReadTransaction&&) = delete;
  ~ReadTransaction();

 private:
  explicit ReadTransaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

} // namespace raglan::store
