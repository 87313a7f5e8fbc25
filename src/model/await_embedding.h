// The vectors of some texts, awaited on an event loop: the one way from text to vector.
//
//   EmbeddingRequest request{.tenant = "default", .texts = {question}, .deadline = deadline};
//   auto reply = co_await await_embedding(cache, executor, std::move(request));
//
// Each distinct text is looked for in the cache's memory, then among the texts that other requests
// have in flight (which are waited for), then on its shelf, then in Redis; what is left joins the
// embedding queue as one request. Whatever that brings is kept for all. A request whose texts are
// all in memory neither waits nor leaves its thread.
//
// A text that the embedder refuses fails the requests that have it, and no other: of texts that are
// embedded together the good ones are kept. A `partial` request is not failed by it but told.
//
// Work that others wait for goes on when this caller is cancelled or late (net/batch_flight.h). A
// question waits for the texts of other questions only, ingest for those of both.
//
// `executor` does what takes time: counting the tokens of texts that are to be embedded, and
// hashing where there are more than kMaxHashedInPlaceBytes of text; for few short texts it may be
// the caller's own thread (`join_in_place`). Errors: those of model/await_queue.h. A shelf or a
// Redis that fails is a miss.
//
// Thread safety: any event loop, concurrently. The cache must outlive the executor's work and the
// loops' last coroutine.
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "model/embedding_cache.h"
#include "net/offload.h"

namespace raglan::model {

struct EmbeddingRequest {
  std::string tenant;
  std::vector<std::string> texts; // may repeat
  EmbeddingPriority priority = EmbeddingPriority::kQuery;
  Deadline deadline;
  bool bypass = false;   // the cache, both ways, and texts in flight
  bool partial = false;  // texts that are refused are told by `Embeddings::refused`
  bool ask_redis = true; // nor is anything kept there without that
};

struct EmbeddingReply {
  Embeddings embeddings; // one vector per text, in their order; `tokens` counts all of them
  // What was computed for this request: not what was kept, nor what another request had in flight.
  std::size_t computed_texts = 0;
  std::size_t computed_tokens = 0;
  bool redis_failed = false; // it was asked for this request
};

inline constexpr std::size_t kMaxHashedInPlaceBytes = 64 << 10; // some ten microseconds
// The longest that a shelf is waited for; what it has not found by then is embedded.
inline constexpr std::chrono::seconds kShelfPatience{1};

net::Task<Result<EmbeddingReply>> await_embedding(EmbeddingCache& cache,
                                                  const net::Submit& executor,
                                                  EmbeddingRequest request);

// An executor that is the caller's own thread.
inline bool join_in_place(const std::function<void()>& work) {
  work();
  return true;
}

} // namespace raglan::model
