// Reading documents and passages. One statement each, whatever the number of ids; what came of a
// statement is read by the function beside it.
//
// Thread safety: that of the session.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postgres/client.h"
#include "postgres_store/collections.h"
#include "store/types.h"

namespace raglan::postgres_store {

std::unexpected<Error> no_such_document();

postgres::Statement select_document(const store::CollectionKey& key,
                                    const std::string& document_id);
// kNotFound.
Result<store::Document> read_document(const postgres::Rows& rows);

// Of the same snapshot as the collection.
postgres::Statement select_page(const store::CollectionKey& key, const std::string& after_id,
                                std::uint32_t limit);
store::DocumentPage read_page(const CollectionRow& collection, const postgres::Rows& rows,
                              std::uint32_t limit);

net::Task<Result<std::vector<std::optional<store::StoredVersion>>>> read_stored_versions(
    postgres::Session& session, const store::CollectionKey& key,
    std::vector<std::string> document_ids, Deadline deadline);

// Documents as they were written, in the ids' order; those that are gone are left out. One row for
// each chunk. kCorrupt when chunks or vectors are missing.
postgres::Statement select_prepared(const store::CollectionKey& key,
                                    std::vector<std::string> document_ids);
Result<std::vector<store::PreparedDocument>> read_prepared(const postgres::Rows& rows);

// The statement that asks for the passages of chunks, and what came of it: in the ids' order, those
// that are gone left out.
postgres::Statement select_passages(const std::string& tenant, std::int64_t collection_id,
                                    std::span<const std::uint64_t> chunk_ids);
std::vector<store::Passage> read_passages(const postgres::Rows& rows);

} // namespace raglan::postgres_store
