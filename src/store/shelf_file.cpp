#include "store/shelf_file.h"

#include <utility>

#include "base/log.h"
#include "store/schema.h"
#include "store/shelf_rows.h"

namespace raglan::store {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kShelfApplicationId = 0x52616745; // "RagE"
constexpr std::int64_t kShelfFormat = 1;
constexpr std::chrono::milliseconds kBusyTimeout{2000};

// In the order of their ids: how long ago they were used, roughly.
constexpr const char* kSchema = R"sql(
CREATE TABLE shelf (
  embedder_id TEXT NOT NULL
) STRICT;
CREATE TABLE vectors (
  id       INTEGER PRIMARY KEY,
  key      BLOB NOT NULL UNIQUE,
  scope    INTEGER NOT NULL,
  made_ms  INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  value    BLOB NOT NULL
) STRICT;
)sql";

// A checkpoint every 4 MB, the only time that the disk is waited for; the log's file stays that
// size.
constexpr const char* kPragmas =
    "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000;"
    "PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -2048;";

fs::path with_suffix(fs::path path, std::string_view suffix) {
  path += suffix;
  return path;
}

Result<Connection> connect(const fs::path& path, bool create, StatementCounts& executed) {
  auto connection = Connection::open(
      path, {.create = create, .busy_timeout = kBusyTimeout, .executed = &executed});
  if (!connection) return forward_error(connection);
  if (auto ok = connection->execute(kPragmas); !ok) return forward_error(ok);
  return connection;
}

Result<> create_tables(Connection& connection, std::string_view embedder_id) {
  if (auto ok = connection.run("BEGIN IMMEDIATE"); !ok) return ok;
  auto ok = connection.execute(kSchema);
  if (ok) ok = connection.run("INSERT INTO shelf (embedder_id) VALUES (?)", embedder_id);
  const std::string stamp = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                                        kShelfApplicationId, kShelfFormat);
  if (ok) ok = connection.execute(stamp.c_str());
  if (ok) ok = connection.run("COMMIT");
  if (!ok && connection.in_transaction()) (void)connection.run("ROLLBACK");
  return ok;
}

// kConflict when the file is whole, but not ours.
Result<> check_identity(Connection& connection, std::string_view embedder_id, bool create) {
  auto application = connection.query_integer("PRAGMA application_id");
  if (!application) return forward_error(application);
  auto format = connection.query_integer("PRAGMA user_version");
  if (!format) return forward_error(format);
  auto tables = connection.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return forward_error(tables);
  if (create && *application == 0 && *format == 0 && *tables == 0) {
    return create_tables(connection, embedder_id);
  }
  // That a store of documents has this name must not cost the documents.
  if (*application == kApplicationId) {
    return fail(ErrorCode::kUnavailable, "it is a store of documents");
  }
  if (*application != kShelfApplicationId) {
    return fail(ErrorCode::kConflict, "it is another program's database");
  }
  if (*format != kShelfFormat) return fail(ErrorCode::kConflict, "it has another format");
  auto select = connection.prepare("SELECT embedder_id FROM shelf");
  if (!select) return forward_error(select);
  auto row = select->step();
  if (!row) return forward_error(row);
  if (*row && select->text(0) == embedder_id) return {};
  return fail(ErrorCode::kConflict, "its vectors are those of another model");
}

struct Connections {
  Connection writer;
  Connection reader;
};

Result<Connections> open_connections(const fs::path& path, std::string_view embedder_id,
                                     std::uint64_t max_bytes, bool create,
                                     StatementCounts& executed) {
  std::error_code error;
  const auto size_bytes = fs::file_size(path, error);
  if (!error && create && size_bytes > max_bytes) {
    return fail(ErrorCode::kConflict, "it is larger than it may be");
  }
  auto writer = connect(path, create, executed);
  if (!writer) return forward_error(writer);
  if (auto ok = check_identity(*writer, embedder_id, create); !ok) return forward_error(ok);
  if (auto ok = shelf_extent(*writer); !ok) return forward_error(ok);
  auto reader = connect(path, false, executed);
  if (!reader) return forward_error(reader);
  return Connections{std::move(*writer), std::move(*reader)};
}

} // namespace

Result<ShelfFile> open_shelf_file(const fs::path& path, std::string_view embedder_id,
                                  std::uint64_t max_bytes, StatementCounts& executed) {
  const fs::path lock_path = with_suffix(path, ".lock");
  auto lock = FileLock::try_acquire(lock_path);
  const bool alone = lock.has_value();
  if (!alone) {
    auto shared = FileLock::acquire_shared(lock_path);
    if (!shared) return forward_error(shared);
    lock = std::move(*shared);
  }
  auto opened = open_connections(path, embedder_id, max_bytes, alone, executed);
  const auto is_useless = [](ErrorCode code) {
    return code == ErrorCode::kCorrupt || code == ErrorCode::kConflict ||
           code == ErrorCode::kInternal; // tables are missing
  };
  if (!opened && alone && is_useless(opened.error().code)) {
    log_warning("the cache of embeddings on disk begins anew",
                {{"reason", opened.error().message}});
    remove_shelf_file(path);
    opened = open_connections(path, embedder_id, max_bytes, alone, executed);
  }
  if (!opened) return forward_error(opened);
  if (alone) {
    if (auto ok = lock->share(); !ok) return forward_error(ok);
  }
  return ShelfFile{std::move(*lock), std::move(opened->writer), std::move(opened->reader)};
}

void remove_shelf_file(const fs::path& path) {
  std::error_code ignored; // what is still there is found out by opening it
  for (const std::string_view suffix : {"", "-wal", "-shm"}) {
    fs::remove(with_suffix(path, suffix), ignored);
  }
}

} // namespace raglan::store
