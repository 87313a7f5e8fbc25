// The retrieval stage: passages from the retrieval cache, from a search that the same question
// started a moment ago, or from a search of its own.
//
// A search belongs to a key (rag/query_key.h) that carries the generation; its result is kept under
// the generation that was really searched. What was found without the dense side, because the
// embedder is away, is neither kept nor shared.
//
// Thread safety: any event loop, concurrently. Must outlive the loops' last coroutine.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cache/tiered_cache.h"
#include "net/single_flight.h"
#include "rag/answer_codec.h"
#include "rag/query_key.h"
#include "rag/retrieval.h"
#include "rag/retrieval_config.h"

namespace raglan::rag {

class RetrievalStage {
 public:
  static constexpr std::string_view kName = "retrieval";
  using Passages = std::shared_ptr<const Retrieved>;

  struct Parts {
    store::Store& store;
    const Clock& clock;
    redis::Client* redis; // may be null
  };

  RetrievalStage(RetrievalConfig config, cache::LocalCacheConfig cache, ConfigKeys keys,
                 Parts parts)
      : config_(config),
        keys_(keys),
        parts_(std::move(parts)),
        cache_(cache, std::string(kName), {}, parts_.redis, parts_.clock) {}

  // Null when the cache does not have them: this process', then the one of all nodes, which is not
  // asked when `redis_failed` is set, and sets it when it fails.
  net::Task<Passages> find(const QueryRequest& request, store::Generation generation,
                           bool& redis_failed);

  // `query_vector` is empty when there is none: then the search is by words alone. With a
  // `generation` the search is shared with those who ask the same at the same time, and `joined`
  // says whether another one started it. Keeps what it finds unless the request bypasses caches.
  // Errors: of store::Store::search, kOverloaded, kDeadlineExceeded.
  net::Task<Result<Passages>> run(const QueryRequest& request, std::vector<float> query_vector,
                                  std::optional<store::Generation> generation, bool& joined);

  std::uint64_t coalesced() const { return searches_.joined_total(); }

  using Tiers = cache::TieredCache<Retrieved, RetrievedCodec>;
  Tiers& tiers() { return cache_; }

 private:
  net::Task<Result<Passages>> search(QueryRequest request, std::vector<float> query_vector);

  const RetrievalConfig config_;
  const ConfigKeys keys_;
  const Parts parts_;
  Tiers cache_;
  net::SingleFlight<Passages> searches_;
};

} // namespace raglan::rag
