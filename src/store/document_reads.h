// Reading documents and passages. One statement each, whatever the number of ids.
//
// Thread safety: that of the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/sqlite.h"
#include "store/types.h"

namespace raglan::store {

// Ids as a JSON array, which json_each turns into rows: one parameter for any number of ids. What
// can be no id becomes null, which equals nothing.
std::string json_array_of(std::span<const std::string_view> ids);

Result<Document> read_document(Connection& connection, const CollectionKey& key,
                               std::string_view document_id);
Result<DocumentPage> read_page(Connection& connection, const CollectionKey& key,
                               std::string_view after_id, std::uint32_t limit);
Result<std::vector<std::optional<StoredVersion>>> read_stored_versions(
    Connection& connection, const CollectionKey& key, std::span<const std::string> document_ids);
// As they were written, in the ids' order; those that are gone are left out. Two statements, of one
// snapshot. kCorrupt when the chunks or the vectors of one are not all there.
Result<std::vector<PreparedDocument>> read_prepared(Connection& connection,
                                                    const CollectionKey& key,
                                                    std::span<const std::string> document_ids);
Result<std::vector<Passage>> read_passages(Connection& connection, const CollectionKey& key,
                                           std::span<const std::uint64_t> chunk_ids);

} // namespace raglan::store
