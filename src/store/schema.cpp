#include "store/schema.h"

#include <array>
#include <string>

#include "base/rng.h"

namespace raglan::store {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE collections (
  collection_id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant        TEXT NOT NULL,
  name          TEXT NOT NULL,
  embedder_id   TEXT NOT NULL DEFAULT '',
  dimension     INTEGER NOT NULL DEFAULT 0,
  documents     INTEGER NOT NULL DEFAULT 0,
  chunks        INTEGER NOT NULL DEFAULT 0,
  seq           INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL,
  UNIQUE (tenant, name)
) STRICT;

CREATE TABLE documents (
  document_key   INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant         TEXT NOT NULL,
  collection_id  INTEGER NOT NULL REFERENCES collections,
  id             TEXT NOT NULL,
  content_hash   BLOB NOT NULL,
  updated_at_ms  INTEGER NOT NULL,
  first_chunk_id INTEGER NOT NULL,
  chunk_count    INTEGER NOT NULL,
  title          TEXT NOT NULL,
  uri            TEXT NOT NULL,
  metadata       TEXT NOT NULL,
  UNIQUE (tenant, collection_id, id)
) STRICT;

CREATE TABLE texts (
  document_key INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  text         TEXT NOT NULL
) STRICT;

CREATE TABLE vectors (
  document_key INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  vectors      BLOB NOT NULL
) STRICT;

CREATE TABLE chunks (
  chunk_id     INTEGER PRIMARY KEY AUTOINCREMENT,
  document_key INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  ordinal      INTEGER NOT NULL,
  start_byte   INTEGER NOT NULL,
  end_byte     INTEGER NOT NULL,
  title_path   TEXT NOT NULL,
  text         TEXT NOT NULL
) STRICT;
CREATE INDEX chunks_of_document ON chunks (document_key);

CREATE TABLE fields (
  tenant        TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  key           TEXT NOT NULL,
  kind          INTEGER NOT NULL,
  value         ANY,
  document_key  INTEGER NOT NULL,
  PRIMARY KEY (tenant, collection_id, key, kind, value, document_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
  seq              INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant           TEXT NOT NULL,
  collection_id    INTEGER NOT NULL,
  op               TEXT NOT NULL CHECK (op IN ('create', 'put', 'remove', 'drop')),
  document_id      TEXT NOT NULL,
  removed_first_id INTEGER NOT NULL DEFAULT 0,
  removed_count    INTEGER NOT NULL DEFAULT 0,
  added_first_id   INTEGER NOT NULL DEFAULT 0,
  added_count      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX changes_of_collection ON changes (tenant, collection_id, seq);
)sql";

// The change log becomes bounded, and collections are dropped little by little. What version 1 kept
// in the log of collections that are long gone belongs to a dropped one from now on.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE collections ADD COLUMN logged_changes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN pruned_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN dropped_tenant TEXT;

INSERT INTO collections (collection_id, tenant, name, created_at_ms, dropped_tenant)
  SELECT DISTINCT collection_id, '', CAST(collection_id AS TEXT), 0, tenant FROM changes
  WHERE collection_id NOT IN (SELECT collection_id FROM collections);
UPDATE collections SET logged_changes =
  (SELECT count(*) FROM changes h
   WHERE h.tenant = collections.tenant AND h.collection_id = collections.collection_id);
)sql";

// Each commit of a collection gets a random number (Generation::nonce).
constexpr const char* kVersion3 = R"sql(
ALTER TABLE collections ADD COLUMN nonce INTEGER NOT NULL DEFAULT 0;
ALTER TABLE changes ADD COLUMN nonce INTEGER NOT NULL DEFAULT 0;
)sql";

// What is shared beside the documents.
constexpr const char* kVersion4 = R"sql(
CREATE TABLE records (
  tenant        TEXT NOT NULL,
  kind          TEXT NOT NULL,
  id            TEXT NOT NULL,
  value         TEXT NOT NULL,
  version       INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  UNIQUE (tenant, kind, id)
) STRICT;
CREATE INDEX records_of_kind ON records (kind);
CREATE INDEX records_that_expire ON records (expires_at_ms);
)sql";

// migrations[n] leads from version n to n + 1.
constexpr std::array kMigrations{kVersion1, kVersion2, kVersion3, kVersion4};
constexpr auto kCurrentVersion = static_cast<std::int64_t>(kMigrations.size());

Result<> migrate(Connection& connection, std::int64_t version) {
  for (auto next = static_cast<std::size_t>(version); next < kMigrations.size(); ++next) {
    if (auto ok = connection.execute(kMigrations[next]); !ok) return ok;
  }
  if (version == 0) {
    const auto epoch = static_cast<std::int64_t>(random_seed());
    auto ok = connection.run("INSERT INTO meta (name, value) VALUES ('epoch', ?)", epoch);
    if (!ok) return ok;
  }
  const std::string stamp = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                                        kApplicationId, kCurrentVersion);
  return connection.execute(stamp.c_str());
}

struct Identity {
  std::int64_t application = 0;
  std::int64_t version = 0;
};

Result<Identity> read_identity(Connection& connection) {
  auto application = connection.query_integer("PRAGMA application_id");
  if (!application) return forward_error(application);
  auto version = connection.query_integer("PRAGMA user_version");
  if (!version) return forward_error(version);
  return Identity{*application, *version};
}

// Runs inside BEGIN IMMEDIATE: the version is read when nobody else can change it.
Result<> check_and_migrate(Connection& connection) {
  auto identity = read_identity(connection);
  if (!identity) return forward_error(identity);
  auto tables = connection.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return forward_error(tables);
  const bool empty = *tables == 0 && identity->version == 0 && identity->application == 0;
  if (!empty && identity->application != kApplicationId) {
    return fail(ErrorCode::kCorrupt, "the store's file is another program's database");
  }
  if (identity->version > kCurrentVersion) {
    return fail(ErrorCode::kConflict, "the store's file was written by a newer version of Raglan");
  }
  return identity->version == kCurrentVersion ? Result<>{} : migrate(connection, identity->version);
}

Result<> migrate_in_transaction(Connection& connection) {
  if (auto ok = connection.run("BEGIN IMMEDIATE"); !ok) return ok;
  auto ok = check_and_migrate(connection);
  if (ok) ok = connection.run("COMMIT");
  if (!ok && connection.in_transaction()) (void)connection.run("ROLLBACK");
  return ok;
}

} // namespace

Result<std::uint64_t> prepare_schema(Connection& connection) {
  auto identity = read_identity(connection);
  if (!identity) return forward_error(identity);
  // The usual case does not wait for another process's write.
  if (identity->application != kApplicationId || identity->version != kCurrentVersion) {
    if (auto ok = migrate_in_transaction(connection); !ok) return forward_error(ok);
  }
  auto epoch = connection.query_integer("SELECT value FROM meta WHERE name = 'epoch'");
  if (!epoch) return forward_error(epoch);
  return static_cast<std::uint64_t>(*epoch);
}

} // namespace raglan::store
