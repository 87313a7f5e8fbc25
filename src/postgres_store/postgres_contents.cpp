#include "postgres_store/postgres_contents.h"

#include "postgres_store/document_reads.h"
#include "postgres_store/postgres_records.h"

namespace raglan::postgres_store {

using postgres::Statement;

net::Task<Result<std::vector<store::StoredCollection>>> PostgresContents::collections(
    Deadline deadline) {
  auto rows = co_await client_.execute(
      Statement("SELECT tenant, name, embedder_id, dimension, documents, chunks"
                " FROM raglan.collection ORDER BY tenant, name"),
      deadline);
  if (!rows) co_return forward_error(rows);
  std::vector<store::StoredCollection> collections;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    collections.push_back(
        {.key = {std::string(rows->text(row, 0)), std::string(rows->text(row, 1))},
         .space = {std::string(rows->text(row, 2)), static_cast<std::size_t>(rows->int32(row, 3))},
         .documents = static_cast<std::uint64_t>(rows->int64(row, 4)),
         .chunks = static_cast<std::uint64_t>(rows->int64(row, 5))});
  }
  co_return collections;
}

net::Task<Result<std::vector<store::PreparedDocument>>> PostgresContents::documents(
    store::CollectionKey key, std::vector<std::string> ids, Deadline deadline) {
  auto rows = co_await client_.execute(select_prepared(key, std::move(ids)), deadline);
  if (!rows) co_return forward_error(rows);
  co_return read_prepared(*rows);
}

net::Task<Result<std::vector<store::Record>>> PostgresContents::records(
    std::optional<store::RecordKey> after, std::uint32_t limit, Deadline deadline) {
  auto rows =
      co_await client_.execute(select_records_after(after, limit, clock_.wall_now()), deadline);
  if (!rows) co_return forward_error(rows);
  co_return read_records(*rows);
}

} // namespace raglan::postgres_store
