// Reading documents and passages. One statement each, whatever the number of ids.
//
// Thread safety: that of the session.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postgres/client.h"
#include "store/types.h"

namespace raglan::postgres_store {

// kNotFound.
net::Task<Result<store::Document>> read_document(postgres::Session& session,
                                                 const store::CollectionKey& key,
                                                 const std::string& document_id, Deadline deadline);
// kNotFound (collection).
net::Task<Result<store::DocumentPage>> read_page(postgres::Session& session,
                                                 const store::CollectionKey& key,
                                                 const std::string& after_id, std::uint32_t limit,
                                                 Deadline deadline);
net::Task<Result<std::vector<std::optional<store::StoredVersion>>>> read_stored_versions(
    postgres::Session& session, const store::CollectionKey& key,
    std::vector<std::string> document_ids, Deadline deadline);

// The statement that asks for the passages of chunks, and what came of it: in the ids' order, those
// that are gone left out.
postgres::Statement select_passages(const std::string& tenant, std::int64_t collection_id,
                                    std::span<const std::uint64_t> chunk_ids);
std::vector<store::Passage> read_passages(const postgres::Rows& rows);

} // namespace raglan::postgres_store
