// Vectors that were computed before, by what they are vectors of: text embedded once is not
// embedded again, whoever asks. Ingest, questions, the sentences of answers and /v1/embeddings
// share it.
//
// A vector's key is made of embedder id, tenant and text, so an entry cannot be stale: it lives
// until others need its room, or as long as `ttl` says (0 s, its default under [cache.embedding]:
// for ever). Three tiers: memory (cache/local_cache.h), a shelf that outlives the process
// (cache/shelf.h; store/embedding_shelf.h implements it), and Redis, which all nodes share
// (cache/shared_tier.h), where there is one. There a vector stays for kKeepShared at most: what the
// nodes have on disk must not fill up a Redis that has no policy of eviction.
//
// This class is the tiers, the texts in flight and the counts; model/await_embedding.h is the way
// through them, and the only one.
//
// Thread safety: all members, from any thread; what is a Task, any of the client's event loops.
// What it is given must outlive the cache; `stop` before event loops that requests ran on are
// destroyed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "cache/local_cache.h"
#include "cache/shared_tier.h"
#include "cache/shelf.h"
#include "model/embedding_queue.h"
#include "net/batch_flight.h"
#include "net/offload.h"
#include "runtime/executor.h"
#include "telemetry/metrics.h"

namespace raglan::model {

// The vector of one text.
struct TextVector {
  std::vector<float> values;
  std::size_t tokens = 0; // of the text, special ones included
};
using TextVectorPtr = std::shared_ptr<const TextVector>;
// Of a text in flight: its vector, or why it is refused one.
using TextOutcome = Result<TextVectorPtr>;

// Which vectors are kept in Redis, too.
enum class SharedVectors : std::uint8_t { kNone, kQuestions, kAll };

struct SharedVectorsConfig {
  SharedVectors redis = SharedVectors::kAll;
};

void describe(config::Table<SharedVectorsConfig>& table);

struct EmbeddingCacheStats {
  // Its misses are those of all tiers; its saved calls the requests that nothing was computed for.
  cache::LocalCacheStats memory;
  std::uint64_t shelf_hits = 0;     // texts that were not in memory
  std::uint64_t coalesced = 0;      // texts that another request was embedding
  std::uint64_t saved_tokens = 0;   // that were asked for and not computed, for whichever reason
  std::size_t queued_reads = 0;     // of the shelf, now
  std::uint64_t rejected_reads = 0; // of the shelf: too many were queued
};

class EmbeddingCache {
 public:
  static constexpr std::string_view kName = "embedding";
  static constexpr std::chrono::hours kKeepShared{7 * 24};
  // Reads of the shelf that may wait; more are misses.
  static constexpr std::size_t kMaxQueuedReads = 256;

  struct Tiers {
    cache::Shelf* shelf = nullptr; // may be null, and so may the client
    redis::Client* redis = nullptr;
    SharedVectorsConfig shared;
  };
  EmbeddingCache(EmbeddingQueue& queue, cache::LocalCacheConfig config, Tiers tiers,
                 const Clock& clock);

  EmbeddingQueue& queue() { return queue_; }
  const Embedder& embedder() const { return queue_.embedder(); }
  const Clock& clock() const { return clock_; }

  Hash128 key(std::string_view tenant, std::string_view text) const;
  static cache::Scope scope_of(std::string_view tenant) {
    return cache::scope_of(cache::tenant_hash(tenant), 0);
  }
  // Of the memory tier; null when it is not there.
  TextVectorPtr find(const Hash128& key) { return memory_.find(key, clock_.now()); }
  // Of the shelf, for an executor: `read_shelf`. Null for each key that is not there. What is found
  // is in memory afterwards.
  std::vector<TextVectorPtr> find_on_shelf(std::string_view tenant, std::span<const Hash128> keys);
  // Of Redis, which there is. Null for each key that is not there. What is found is in this node's
  // tiers afterwards. `failed`: Redis could not say, of all or of some.
  net::Task<std::vector<TextVectorPtr>> find_shared(std::string tenant, std::vector<Hash128> keys,
                                                    Deadline deadline, bool& failed);
  // A tenant's, into this node's tiers. `cost`: what computing each took.
  void insert(std::string_view tenant, std::span<const Hash128> keys,
              std::span<const TextVectorPtr> vectors, Duration cost);
  // Into Redis, which there is.
  net::Task<void> share(std::string tenant, std::vector<Hash128> keys,
                        std::vector<TextVectorPtr> vectors, Duration cost);
  // Whether those of documents belong there.
  bool shares_documents() const { return shared_vectors_ == SharedVectors::kAll; }
  // Removes a tenant's entries, or all, from this node's tiers: how many there were, one in both
  // counted twice. What is in flight comes later. Blocks on disk, for operators.
  std::size_t purge(std::optional<std::uint32_t> tenant);
  // The same of memory alone, which does not block.
  std::size_t forget_in_memory(const cache::Selection& entries) { return memory_.purge(entries); }
  // Null without Redis.
  cache::SharedTier* shared() { return shared_ ? &*shared_ : nullptr; }
  // Whether vectors are looked for and stored there; purges reach the other nodes in any case.
  bool shares_vectors() const { return shared_ && shared_vectors_ != SharedVectors::kNone; }
  const cache::LocalCacheConfig& config() const { return memory_.config(); }

  bool has_shelf() const { return shelf_ != nullptr; }
  const net::Submit& read_shelf() const { return read_shelf_; }
  net::BatchFlight<TextOutcome>& flights() { return flights_; }

  void count_misses(std::size_t texts) { misses_.add(texts); }
  void count_coalesced(std::size_t texts) { coalesced_.add(texts); }
  void count_saved(std::size_t tokens, bool whole_call) {
    saved_tokens_.add(tokens);
    saved_calls_.add(whole_call ? 1 : 0);
  }
  EmbeddingCacheStats stats() const;

  // Drops reads that wait. Idempotent.
  void stop();

 private:
  EmbeddingQueue& queue_;
  cache::Shelf* const shelf_;
  const SharedVectors shared_vectors_;
  const Clock& clock_;
  cache::LocalCache<TextVector> memory_;
  std::optional<cache::SharedTier> shared_;
  net::BatchFlight<TextOutcome> flights_;
  std::optional<runtime::Executor> reads_; // with a shelf
  net::Submit read_shelf_;
  telemetry::Counter misses_;
  telemetry::Counter shelf_hits_;
  telemetry::Counter coalesced_;
  telemetry::Counter saved_tokens_;
  telemetry::Counter saved_calls_;
};

} // namespace raglan::model
