// Writing documents, on the writer's thread.
//
// Thread safety: that of the connection.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/embedding_space.h"
#include "store/metadata.h"
#include "store/sqlite.h"
#include "store/types.h"

namespace raglan::store {

// A document and what check_document made of it.
struct CheckedDocument {
  const PreparedDocument* prepared;
  const std::vector<Field>* fields;
};

// Both belong inside a write transaction, in which they leave everything or (after an error that
// the caller rolls back) nothing. However many documents there are, they cost four reads, and
// writes in blocks of rows; only the metadata of documents that are replaced is removed field by
// field. Their ids must differ.
Result<std::vector<WriteState>> put_documents(Connection& connection, const CollectionKey& key,
                                              const EmbeddingSpace& space,
                                              std::span<const CheckedDocument> documents,
                                              WallTime now);
Result<> remove_document(Connection& connection, const CollectionKey& key,
                         std::string_view document_id);

} // namespace raglan::store
