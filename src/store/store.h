// The seam behind which documents, vectors and their indexes are kept: embedded (embedded_store.h)
// or, later, PostgreSQL. Exactly the calls that ingest, the query pipeline and the HTTP routes
// need.
//
// Every call names a tenant and sees nothing of another one's: what belongs to another tenant is
// kNotFound, the same as what does not exist.
//
// Thread safety: all members may be called from any thread, concurrently. All of them block (disk,
// search, or the wait for a commit); event loops hand them to an executor.
//
// Errors that any call may return, besides those it names: kUnavailable (the database stayed
// locked), kOverloaded (a bounded queue is full), kDiskFull, kCorrupt, kDraining (the store is
// closing).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/utf8.h"
#include "store/generation_probe.h"
#include "store/types.h"

namespace raglan::store {

inline constexpr std::size_t kMaxCollectionNameBytes = 128;
inline constexpr std::size_t kMaxDocumentIdBytes = 512;
inline constexpr std::uint32_t kMaxPageSize = 1000;

// False for what can be no document's id: empty, too long, not UTF-8, or with control characters.
inline bool is_document_id(std::string_view id) {
  const bool printable =
      std::ranges::none_of(id, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !id.empty() && id.size() <= kMaxDocumentIdBytes && printable && is_valid_utf8(id);
}

// Documents in the order of their ids' bytes.
struct DocumentPage {
  std::vector<Document> documents; // without `text`
  std::uint64_t total = 0;         // in the whole collection
  bool more = false;               // there are documents after the last one here
};

class Store {
 public:
  virtual ~Store() = default;

  // kConflict when it exists; kInvalidField for a name that is empty, longer than
  // kMaxCollectionNameBytes, not UTF-8, or holds control characters.
  virtual Result<> create_collection(const CollectionKey& key) = 0;
  // In the order of their names; none for an unknown tenant.
  virtual Result<std::vector<CollectionStats>> list_collections(std::string_view tenant) = 0;
  // kNotFound. The collection's documents go with it.
  virtual Result<CollectionStats> collection(const CollectionKey& key) = 0;
  virtual Result<> delete_collection(const CollectionKey& key) = 0;

  // Writes the document, replacing the one with the same id; creates the collection when there is
  // none. Returns when the write is durable and the next search finds it. kUnchanged (nothing
  // written) when the stored content hash is equal.
  // Errors: kInvalidField (an id, name, metadata or chunk that breaks a rule of types.h), kConflict
  // (the collection was embedded by another model), kTooLarge.
  virtual Result<WriteState> put(const CollectionKey& key, const PreparedDocument& document) = 0;
  // The same for many, in few transactions: one result per document, in their order. Documents
  // succeed and fail alone.
  virtual std::vector<Result<WriteState>> put_many(const CollectionKey& key,
                                                   std::span<const PreparedDocument> documents) = 0;
  // kNotFound when there is no such document.
  virtual Result<> remove(const CollectionKey& key, std::string_view document_id) = 0;

  virtual Result<Document> get(const CollectionKey& key, std::string_view document_id) = 0;
  // At most min(limit, kMaxPageSize) documents with ids after `after_id`; from the first when
  // empty.
  virtual Result<DocumentPage> list(const CollectionKey& key, std::string_view after_id,
                                    std::uint32_t limit) = 0;
  // These documents as they are stored, in the ids' order, nothing for an unknown one; one
  // statement. An unknown collection has no documents: no error.
  virtual Result<std::vector<std::optional<StoredVersion>>> stored_versions(
      const CollectionKey& key, std::span<const std::string> document_ids) = 0;

  // The passages of these chunks, in the ids' order; those that are gone are left out. One
  // statement.
  virtual Result<std::vector<Passage>> passages(const CollectionKey& key,
                                                std::span<const std::uint64_t> chunk_ids) = 0;
  // The collection's last committed change. kNotFound when there is no such collection.
  virtual Result<Generation> generation(const CollectionKey& key) = 0;
  // For callers that must not block, one for each thread. Null when this store cannot tell a
  // generation without waiting.
  virtual Result<std::unique_ptr<GenerationProbe>> generation_probe() { return nullptr; }
  // Candidates of both sides over at least the data that was committed when the call began.
  // Errors: kNotFound (collection), kInvalidField (a vector of the wrong dimension or not finite,
  // a bad filter),
  // kConflict (the collection was embedded by another model).
  virtual Result<SearchResult> search(const SearchRequest& request) = 0;
};

} // namespace raglan::store
