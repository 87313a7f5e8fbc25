// Writing documents: checks on the caller's thread, SQL on the writer's.
//
// Thread safety: `check_document` any thread; the others that of the connection.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/embedding_space.h"
#include "store/metadata_fields.h"
#include "store/sqlite.h"
#include "store/types.h"

namespace raglan::store {

// Whether the document keeps the rules of types.h; the metadata's fields when it does.
// kInvalidField or kTooLarge otherwise.
Result<std::vector<Field>> check_document(const PreparedDocument& prepared, std::size_t dimension,
                                          std::size_t max_metadata_bytes);

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
