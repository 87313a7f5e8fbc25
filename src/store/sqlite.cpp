#include "store/sqlite.h"

#include <cerrno>
#include <utility>

#include <sqlite3.h>

#include "base/log.h"

namespace raglan::store {
namespace {

Error io_error(int system_errno, int code) {
  // EFBIG: a file size limit (RLIMIT_FSIZE), which is a full disk to this process.
  if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG) {
    return {ErrorCode::kDiskFull, "the disk is full"};
  }
  if (code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_CORRUPTFS) {
    return {ErrorCode::kCorrupt, "the store's file is damaged"};
  }
  return {ErrorCode::kUnavailable, "the store's file cannot be read or written"};
}

Error error_of(int extended, int system_errno) {
  switch (extended & 0xff) {
    case SQLITE_FULL: return {ErrorCode::kDiskFull, "the disk is full"};
    case SQLITE_IOERR: return io_error(system_errno, extended);
    case SQLITE_CORRUPT: return {ErrorCode::kCorrupt, "the store's file is damaged"};
    case SQLITE_NOTADB: return {ErrorCode::kCorrupt, "the store's file is not a database"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {ErrorCode::kUnavailable, "the store is locked by another process"};
    case SQLITE_CANTOPEN: return {ErrorCode::kUnavailable, "the store's file cannot be opened"};
    case SQLITE_READONLY: return {ErrorCode::kUnavailable, "the store's file is read-only"};
    case SQLITE_NOMEM: return {ErrorCode::kUnavailable, "the store is out of memory"};
    case SQLITE_TOOBIG: return {ErrorCode::kTooLarge, "too large for the store"};
    default: return {ErrorCode::kInternal, "the store failed"};
  }
}

// The error for the client, and a log line with what SQLite says about it (it names tables and
// constraints, never values).
std::unexpected<Error> report(sqlite3* handle, int code) {
  // SQLite does not keep the reason why a commit failed; errno usually still does.
  const int errno_now = errno;
  const int kept = handle == nullptr ? 0 : sqlite3_system_errno(handle);
  const int system_errno = kept != 0 ? kept : errno_now;
  Error error = error_of(code, system_errno);
  log_warning("store statement failed",
              {{"code", code},
               {"errno", system_errno},
               {"reason", handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle)}});
  return std::unexpected(std::move(error));
}

} // namespace

Statement::Statement(Statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      in_use_(std::exchange(other.in_use_, nullptr)),
      executed_(other.executed_),
      bind_error_(other.bind_error_),
      started_(other.started_) {}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  if (in_use_ == nullptr) {
    sqlite3_finalize(handle_);
    return;
  }
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  *in_use_ = false;
}

void Statement::reset() {
  sqlite3_reset(handle_);
  bind_error_ = SQLITE_OK;
  started_ = false;
}

// Empty views may hold a null pointer, which SQLite would bind as NULL.
void Statement::bind_at(int index, std::string_view text) {
  const char* bytes = text.data() == nullptr ? "" : text.data();
  const int code =
      sqlite3_bind_text64(handle_, index, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::bind_at(int index, std::span<const std::byte> blob) {
  const int code =
      blob.empty() ? sqlite3_bind_zeroblob(handle_, index, 0)
                   : sqlite3_bind_blob64(handle_, index, blob.data(), blob.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::bind_at(int index, double number) {
  const int code = sqlite3_bind_double(handle_, index, number);
  if (code != SQLITE_OK) bind_error_ = code;
}

void Statement::bind_at(int index, std::int64_t number) {
  const int code = sqlite3_bind_int64(handle_, index, number);
  if (code != SQLITE_OK) bind_error_ = code;
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) return report(sqlite3_db_handle(handle_), bind_error_);
  if (!started_) {
    started_ = true;
    count();
  }
  errno = 0; // an older one is not the reason of what fails now
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  started_ = false;
  if (code == SQLITE_DONE) return false;
  return report(sqlite3_db_handle(handle_), code);
}

void Statement::count() const {
  if (executed_ == nullptr) return;
  const bool reads = sqlite3_stmt_readonly(handle_) != 0;
  (reads ? executed_->reads : executed_->writes).fetch_add(1, std::memory_order_relaxed);
}

Result<> Statement::run() {
  while (true) {
    auto row = step();
    if (!row) return forward_error(row);
    if (!*row) return {};
  }
}

std::string_view Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::span<const std::byte> Statement::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(handle_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

void Connection::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void Connection::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Result<Connection> Connection::open(const std::filesystem::path& path, Options options) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (options.create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<sqlite3, Close> handle(raw); // SQLite wants even a failed one closed
  if (code != SQLITE_OK) return report(handle.get(), code);
  Connection connection(std::move(handle), options.executed);
  if (auto ok = connection.configure(options.busy_timeout); !ok) return forward_error(ok);
  return connection;
}

Result<> Connection::configure(std::chrono::milliseconds busy_timeout) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(busy_timeout.count()));
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // secure_delete is on in Debian's build: it writes zeros over every deleted page.
  return execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA foreign_keys = ON; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;"
      "PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384;");
}

Result<sqlite3_stmt*> Connection::compile(std::string_view sql, unsigned flags) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      flags, &statement, nullptr);
  if (code != SQLITE_OK) return report(handle_.get(), code);
  return statement;
}

Result<Statement> Connection::prepare(std::string_view sql) {
  auto found = cache_.find(sql);
  if (found == cache_.end()) {
    auto compiled = compile(sql, SQLITE_PREPARE_PERSISTENT);
    if (!compiled) return forward_error(compiled);
    auto cached = std::make_unique<Cached>();
    cached->handle.reset(*compiled);
    found = cache_.emplace(sql, std::move(cached)).first;
  }
  Cached& cached = *found->second;
  if (cached.in_use) return prepare_once(sql);
  cached.in_use = true;
  return Statement(cached.handle.get(), &cached.in_use, executed_);
}

Result<Statement> Connection::prepare_once(std::string_view sql) {
  auto compiled = compile(sql, 0);
  if (!compiled) return forward_error(compiled);
  return Statement(*compiled, nullptr, executed_);
}

Result<> Connection::execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (executed_ != nullptr) executed_->writes.fetch_add(1, std::memory_order_relaxed);
  if (code != SQLITE_OK) return report(handle_.get(), code);
  return {};
}

Result<std::int64_t> Connection::query_integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return forward_error(statement);
  auto row = statement->step();
  if (!row) return forward_error(row);
  if (!*row) return fail(ErrorCode::kNotFound, "no such row");
  return statement->integer(0);
}

Result<CommitStamp> Connection::commit_stamp() {
  if (auto stamp = wal_index_.stamp(handle_.get())) return *stamp;
  auto version = query_integer("PRAGMA data_version");
  if (!version) return forward_error(version);
  return CommitStamp{{static_cast<std::uint64_t>(*version)}};
}

std::int64_t Connection::last_insert_rowid() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

Result<> Connection::check_place() const {
  int moved = 0;
  const int code = sqlite3_file_control(handle_.get(), nullptr, SQLITE_FCNTL_HAS_MOVED, &moved);
  if (code != SQLITE_OK || moved == 0) return {};
  return fail(ErrorCode::kUnavailable, "the store's file was moved or removed while it is open");
}

std::int64_t Connection::changes() const { return sqlite3_changes64(handle_.get()); }

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

Result<> Connection::checkpoint(bool restart) {
  const int mode = restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, mode, nullptr, nullptr);
  if (code != SQLITE_OK) return report(handle_.get(), code);
  return {};
}

Result<ReadTransaction> ReadTransaction::begin(Connection& connection) {
  if (auto ok = connection.run("BEGIN"); !ok) return forward_error(ok);
  return ReadTransaction(connection);
}

ReadTransaction::ReadTransaction(ReadTransaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

// A read transaction that cannot be ended has been ended by SQLite.
ReadTransaction::~ReadTransaction() {
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  (void)connection_->run("COMMIT");
}

} // namespace raglan::store
