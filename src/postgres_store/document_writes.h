// Writing documents: one transaction for many.
//
// Documents are locked in the order of their ids, so that two writers of the same ones wait for
// each other and never for ever; the collection's row, which all its writers change, is locked last
// and only for the commit (collections.h). Whoever replaces a document leaves its chunks' postings
// where they are and notes that they are dead.
//
// Thread safety: that of the session.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "postgres/client.h"
#include "store/analyzer.h"
#include "store/embedding_space.h"
#include "store/metadata.h"
#include "store/records.h"
#include "store/types.h"

namespace raglan::postgres_store {

// A document, and what is made of it before the transaction, on an executor.
struct CheckedDocument {
  struct Terms {
    std::uint32_t length = 0;
    std::vector<std::pair<store::Term, std::uint32_t>> occurrences; // ascending
  };
  store::PreparedDocument prepared;
  std::vector<store::Field> fields; // of its metadata
  std::vector<Terms> terms;         // of each chunk
};
// kInvalidField or kTooLarge when it breaks a rule (store::check_document), or a text holds U+0000,
// which PostgreSQL does not keep.
Result<CheckedDocument> check_to_write(store::PreparedDocument document, std::size_t dimension,
                                       std::size_t max_metadata_bytes);

// What whoever waits for the write keeps.
struct DocumentBatch {
  const store::CollectionKey& key;
  const store::EmbeddingSpace& space;
  std::span<const CheckedDocument* const> documents; // their ids differ
  const std::optional<store::RecordGuard>& guard;
  WallTime now;
};
// All of them, durably, or none. Errors: kConflict (the collection was embedded by another model;
// the guard does not hold), kOverloaded (a lock could not be taken; worth another try), and those
// of the session.
net::Task<Result<std::vector<store::WriteState>>> put_documents(postgres::Session& session,
                                                                const DocumentBatch& batch,
                                                                Deadline deadline);
// kNotFound.
net::Task<Result<>> remove_document(postgres::Session& session, const store::CollectionKey& key,
                                    const std::string& document_id, Deadline deadline);

// kConflict when it exists.
net::Task<Result<>> insert_collection(postgres::Session& session, const store::CollectionKey& key,
                                      WallTime now, Deadline deadline);
// With all its documents; an index over its vectors is for the caller to drop. kNotFound.
struct DroppedCollection {
  std::int64_t id = 0;
  bool hnsw = false;
};
net::Task<Result<DroppedCollection>> drop_collection(postgres::Session& session,
                                                     const store::CollectionKey& key,
                                                     Deadline deadline);

} // namespace raglan::postgres_store
