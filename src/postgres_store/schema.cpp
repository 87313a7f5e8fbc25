#include "postgres_store/schema.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>
#include <tuple>

#include "base/log.h"
#include "base/rng.h"

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

// One statement each: a statement with parameters holds no second one.
constexpr std::array kVersion1{
    "CREATE TABLE raglan.store ("
    " only_row bool PRIMARY KEY DEFAULT true CHECK (only_row), epoch int8 NOT NULL,"
    " indexing_until timestamptz NOT NULL DEFAULT '-infinity')", // somebody builds an index
    "CREATE SEQUENCE raglan.change_seq", "CREATE SEQUENCE raglan.chunk_id_seq",
    "CREATE TABLE raglan.collection ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 GENERATED ALWAYS AS IDENTITY,"
    " name text COLLATE \"C\" NOT NULL,"
    " embedder_id text NOT NULL DEFAULT '',"
    " dimension int4 NOT NULL DEFAULT 0,"
    " documents int8 NOT NULL DEFAULT 0,"
    " chunks int8 NOT NULL DEFAULT 0,"
    " terms int8 NOT NULL DEFAULT 0," // of all chunks: their length
    " seq int8 NOT NULL,"
    " nonce int8 NOT NULL,"
    " created_at_ms int8 NOT NULL,"
    " hnsw bool NOT NULL DEFAULT false," // its vectors have an index
    " PRIMARY KEY (tenant, collection_id), UNIQUE (tenant, name))",
    "CREATE TABLE raglan.document ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " document_key int8 GENERATED ALWAYS AS IDENTITY,"
    " id text COLLATE \"C\" NOT NULL,"
    " content_hash bytea NOT NULL,"
    " updated_at_ms int8 NOT NULL,"
    " chunk_count int4 NOT NULL,"
    " title text NOT NULL,"
    " uri text NOT NULL,"
    " metadata text NOT NULL,"
    " text text NOT NULL,"
    " PRIMARY KEY (tenant, collection_id, document_key), UNIQUE (tenant, collection_id, id))",
    "CREATE TABLE raglan.chunk ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " chunk_id int8 NOT NULL,"
    " document_key int8 NOT NULL,"
    " ordinal int4 NOT NULL,"
    " start_byte int8 NOT NULL,"
    " end_byte int8 NOT NULL,"
    " length_terms int4 NOT NULL,"
    " title_path text NOT NULL,"
    " text text NOT NULL,"
    " PRIMARY KEY (tenant, collection_id, chunk_id))",
    "CREATE INDEX chunk_of_document ON raglan.chunk (tenant, collection_id, document_key)",
    "CREATE TABLE raglan.chunk_vector ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " chunk_id int8 NOT NULL,"
    " document_key int8 NOT NULL,"
    " embedding vector NOT NULL,"
    " PRIMARY KEY (tenant, collection_id, chunk_id))",
    // In the row itself as long as that fits a page: a scan must not look each one up elsewhere.
    "ALTER TABLE raglan.chunk_vector ALTER COLUMN embedding SET STORAGE MAIN",
    "CREATE TABLE raglan.field ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " document_key int8 NOT NULL,"
    " key text COLLATE \"C\" NOT NULL,"
    " kind int2 NOT NULL,"
    " number numeric," // of booleans and numbers
    " string bytea)",  // compared by its bytes; a text holds no U+0000
    "CREATE INDEX field_of_document ON raglan.field (tenant, collection_id, document_key)",
    "CREATE INDEX field_number ON raglan.field (tenant, collection_id, key, kind, number)",
    // An index holds no long values.
    "CREATE INDEX field_string ON raglan.field"
    " (tenant, collection_id, key, (substring(string FROM 1 FOR 200))) WHERE kind = 3",
    "CREATE TABLE raglan.segment ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " segment_id int8 GENERATED ALWAYS AS IDENTITY,"
    " chunks int8 NOT NULL,"
    " PRIMARY KEY (tenant, collection_id, segment_id))",
    "CREATE TABLE raglan.posting ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " segment_id int8 NOT NULL,"
    " term int8 NOT NULL,"
    " chunks int4 NOT NULL," // that are among the entries
    " entries bytea NOT NULL,"
    " PRIMARY KEY (tenant, collection_id, segment_id, term))",
    "ALTER TABLE raglan.posting ALTER COLUMN entries SET STORAGE EXTERNAL", // packed already
    "CREATE TABLE raglan.dead_chunk ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " collection_id int8 NOT NULL,"
    " chunk_id int8 NOT NULL,"
    " PRIMARY KEY (tenant, collection_id, chunk_id))"};

constexpr std::array kVersion2{
    "CREATE TABLE raglan.record ("
    " tenant text COLLATE \"C\" NOT NULL,"
    " kind text COLLATE \"C\" NOT NULL,"
    " id text COLLATE \"C\" NOT NULL,"
    " value text NOT NULL,"
    " version int8 NOT NULL,"
    " expires_at_ms int8 NOT NULL,"
    " PRIMARY KEY (tenant, kind, id))",
    "CREATE INDEX record_of_kind ON raglan.record (kind)",
    "CREATE INDEX record_that_expires ON raglan.record (expires_at_ms)"};

// Of a segment's postings: a random name that changes with them. Ids would not do: after a failover
// that has lost the last writes, they are given out again.
// (Step by step: a table that is rewritten for a new column is empty to older snapshots.)
constexpr std::array kVersion3{
    "ALTER TABLE raglan.segment ADD COLUMN contents bytea",
    "ALTER TABLE raglan.segment ALTER COLUMN contents SET DEFAULT uuid_send(gen_random_uuid())",
    "UPDATE raglan.segment SET contents = uuid_send(gen_random_uuid())",
    "ALTER TABLE raglan.segment ALTER COLUMN contents SET NOT NULL",
    "ALTER TABLE raglan.segment ADD CHECK (octet_length(contents) = 16)"};

// kMigrations[n] leads from version n to n + 1.
constexpr std::array kMigrations{std::span<const char* const>(kVersion1),
                                 std::span<const char* const>(kVersion2),
                                 std::span<const char* const>(kVersion3)};
constexpr auto kCurrentVersion = static_cast<std::int64_t>(kMigrations.size());
// "raglan" in ASCII; any number that nobody else takes.
constexpr std::int64_t kMigrationLock = 0x7261676c616e;
// Iterative scans, without which a filter may leave too few.
constexpr std::tuple kOldestVector{0, 8, 0};

std::unexpected<Error> cannot_be_used(std::string message) {
  return fail(ErrorCode::kConflict, "the PostgreSQL database cannot be used: " + message);
}

std::tuple<int, int, int> parse_version(std::string_view text) {
  std::array<int, 3> parts{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int& part : parts) {
    const auto [stop, error] = std::from_chars(at, end, part);
    if (error != std::errc()) break;
    at = stop == end ? end : stop + 1;
  }
  return {parts[0], parts[1], parts[2]};
}

// Whether the extension is there already; it may be created.
net::Task<Result<bool>> check_database(Session& session, Deadline deadline) {
  Statement ask(
      "SELECT current_setting('server_encoding'),"
      " (SELECT extversion FROM pg_extension WHERE extname = 'vector'),"
      " (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')");
  auto rows = co_await session.execute(std::move(ask), deadline);
  if (!rows) co_return forward_error(rows);
  if (rows->text(0, 0) != "UTF8") {
    co_return cannot_be_used(fmt::format("its encoding is {}, not UTF8", rows->text(0, 0)));
  }
  const bool installed = !rows->is_null(0, 1);
  const std::string version(rows->text(0, installed ? 1 : 2));
  if (!installed && rows->is_null(0, 2)) {
    co_return cannot_be_used("the server has no pgvector; install it (the extension \"vector\")");
  }
  if (parse_version(version) < kOldestVector) {
    const auto& [major, minor, patch] = kOldestVector;
    co_return cannot_be_used(fmt::format(
        "its pgvector is {}, and {}.{}.{} or newer is needed: {}", version, major, minor, patch,
        installed ? "ALTER EXTENSION vector UPDATE" : "install a newer one"));
  }
  co_return installed;
}

// Not safe against another one that does the same, in spite of its words: under the lock.
net::Task<Result<>> create_extension(Session& session, Deadline deadline) {
  auto created =
      co_await session.execute(Statement("CREATE EXTENSION IF NOT EXISTS vector"), deadline);
  if (created) co_return Result<>();
  if (created.error().code != ErrorCode::kInternal) co_return forward_error(created);
  co_return cannot_be_used(
      "the extension \"vector\" is not in it, and this user may not create it: have an "
      "administrator run CREATE EXTENSION vector");
}

// 0: there is none.
net::Task<Result<std::int64_t>> read_version(Session& session, Deadline deadline) {
  auto any = co_await session.execute(
      Statement("SELECT to_regclass('raglan.schema_version') IS NOT NULL"), deadline);
  if (!any) co_return forward_error(any);
  if (!any->boolean(0, 0)) co_return std::int64_t{0};
  auto rows = co_await session.execute(
      Statement("SELECT coalesce(max(version), 0) FROM raglan.schema_version"), deadline);
  if (!rows) co_return forward_error(rows);
  co_return rows->int64(0, 0);
}

Result<> check_version(std::int64_t version) {
  if (version <= kCurrentVersion) return {};
  return cannot_be_used(
      fmt::format("its tables are of version {}, written by a newer Raglan; this one knows {}",
                  version, kCurrentVersion));
}

// Within a transaction that has the lock.
net::Task<Result<>> migrate(Session& session, std::int64_t version, Deadline deadline) {
  std::vector<Statement> statements;
  if (version == 0) {
    statements.emplace_back("CREATE SCHEMA IF NOT EXISTS raglan");
    statements.emplace_back(
        "CREATE TABLE raglan.schema_version ("
        " version int8 PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())");
  }
  for (auto next = static_cast<std::size_t>(version); next < kMigrations.size(); ++next) {
    for (const char* sql : kMigrations[next]) statements.emplace_back(sql);
  }
  if (version == 0) {
    const auto epoch = static_cast<std::int64_t>(random_seed());
    statements.emplace_back("INSERT INTO raglan.store (epoch) VALUES ($1::int8)", epoch);
  }
  statements.emplace_back("INSERT INTO raglan.schema_version (version) VALUES ($1::int8)",
                          kCurrentVersion);
  statements.emplace_back("COMMIT");
  auto done = co_await session.execute_all(std::move(statements), deadline);
  if (!done) co_return forward_error(done);
  log_info("the tables in PostgreSQL are set up", {{"version", kCurrentVersion}});
  co_return Result<>();
}

net::Task<Result<>> check_and_migrate(Session& session, Deadline deadline) {
  auto begun = co_await session.execute(Statement("BEGIN"), deadline);
  if (!begun) co_return forward_error(begun);
  auto locked = co_await session.execute(
      Statement("SELECT pg_advisory_xact_lock($1::int8)", kMigrationLock), deadline);
  if (!locked) co_return forward_error(locked);
  if (auto ok = co_await create_extension(session, deadline); !ok) co_return ok;
  auto version = co_await read_version(session, deadline); // as whoever had the lock left it
  if (!version) co_return forward_error(version);
  if (auto ok = check_version(*version); !ok) co_return ok;
  if (*version < kCurrentVersion) co_return co_await migrate(session, *version, deadline);
  auto ended = co_await session.execute(Statement("COMMIT"), deadline);
  if (!ended) co_return forward_error(ended);
  co_return Result<>();
}

} // namespace

net::Task<Result<std::uint64_t>> prepare_schema(postgres::Client& client, Deadline deadline) {
  auto session = co_await client.begin(deadline);
  if (!session) co_return forward_error(session);
  auto extended = co_await check_database(*session, deadline);
  if (!extended) co_return forward_error(extended);
  auto version = co_await read_version(*session, deadline);
  if (!version) co_return forward_error(version);
  if (auto ok = check_version(*version); !ok) co_return forward_error(ok);
  if (!*extended || *version < kCurrentVersion) { // the usual case waits for nobody
    if (auto ok = co_await check_and_migrate(*session, deadline); !ok) co_return forward_error(ok);
  }
  auto epoch = co_await session->execute(Statement("SELECT epoch FROM raglan.store"), deadline);
  if (!epoch) co_return forward_error(epoch);
  if (epoch->empty()) co_return cannot_be_used("its tables are damaged");
  co_return static_cast<std::uint64_t>(epoch->int64(0, 0));
}

} // namespace raglan::postgres_store
