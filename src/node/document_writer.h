// From documents as they were sent to documents that can be found: extract and chunk, skip what is
// unchanged, embed the rest, write.
//
// Documents succeed and fail alone, each with a status. Extraction runs on an executor, embedding
// goes through the shared cache and queue as ingest work (behind questions); nothing here blocks.
// When it returns, every document that is `indexed` is durable and found by the next search.
//
// Documents are extracted, embedded and written in groups, in their order: a large request costs
// time and not memory, and its first documents are found while its last ones are still being
// extracted. A group has about kChunksPerGroup chunks or, where the embedder takes more of them in
// one call, as many whole documents as fill that call.
//
// Thread safety: `write` may be called from any event loop, concurrently.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ingest/document_status.h"
#include "ingest/prepare.h"
#include "model/embedding_cache.h"
#include "net/offload.h"
#include "node/document_json.h"
#include "store/store.h"

namespace raglan::node {

using ingest::DocumentState;
using ingest::DocumentStatus;

// Of the second one of a request's that has it.
Error duplicate_id();

class DocumentWriter {
 public:
  static constexpr std::size_t kChunksPerGroup = 64;

  struct Parts {
    store::Store& store;
    model::EmbeddingCache& embeddings;
    net::Submit extraction; // CPU work: text extraction and chunking
    net::Submit bulk;       // CPU work: hashing texts, counting the tokens of those to embed
    ingest::ChunkerConfig chunker;
    const Clock& clock;
  };

  explicit DocumentWriter(Parts parts);

  struct Options {
    bool dry_run = false; // nothing is embedded or written: the statuses say what would happen
    std::optional<store::RecordGuard> guard = std::nullopt; // of all that is written
    // Past it nothing more is begun: what is not known to be written by then fails with
    // kDeadlineExceeded (a commit that is under way is not taken back).
    Deadline deadline;
    // Kept for as long as any of the request's texts is, even in work that outlives it.
    std::shared_ptr<const void> held = nullptr;
  };
  // One status per document, in their order.
  net::Task<std::vector<DocumentStatus>> write(store::CollectionKey collection,
                                               std::vector<ParsedDocument> documents,
                                               Options options);

 private:
  struct Item;
  struct Known;
  struct Group;
  struct Write; // what all steps of one request share

  net::Task<void> prepare(const Write& write, Item& item);
  net::Task<void> skip_unchanged(const Write& write, std::vector<Item>& items);
  net::Task<void> skip_unchanged(const Write& write, Known known);
  // A text that the embedder refuses fails its document alone.
  net::Task<void> write_group(const Write& write, std::span<Item*> group);
  static std::vector<Item*> take_vectors(std::span<Item*> group, model::Embeddings made);
  net::Task<Result<model::Embeddings>> embed(const Write& write, std::vector<std::string> texts);

  Parts parts_;
  const model::BatchLimits batch_;
};

} // namespace raglan::node
