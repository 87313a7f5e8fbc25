// A question's way from text to cited answer.
//
//   follow-up question → rewritten (rag/question_rewriter.h)
//                             ↓
//   generation → query cache → retrieval cache → embed → search, fuse, read passages → answer
//                                                  ↘ a similar question's answer, if allowed
//
// What the retrieval cache has needs no search, and without an answer to make of it no vector.
// A similar question's answer: rag/reuse_stage.h.
//
// Questions that are the same to the cache and come while the first of them is being answered share
// that answer (net/single_flight.h); those that bypass or refresh the cache do not. An answer that
// will expire soon, or has just expired, is served and computed again behind (policy/freshness.h);
// one that expired longer ago is served when computing it again fails.
//
// While there is too much to do (rag/overload.h), what has to be computed waits for a place, and a
// question that no cache answers in full is turned into a smaller one: with fewer passages (level
// 1), for passages alone (level 2), or for whatever a cache has (level 3). The smaller question has
// a key of its own, so that its answers are cached, shared and refreshed like any other, and never
// in the place of a full one.
//
// With a language model the answer is written from the passages (rag/prompt.h, rag/citations.h) and
// may be read while it is (`stream`), by everybody who waits for it. When the model fails the reply
// is the passages (level 2).
//
// Each stage has a deadline check before it (no stage starts when the deadline has passed), waits
// for its executor until the deadline and no longer, and has its time in the reply. Without an
// embedder the search is BM25 alone (level 1). A degraded answer never enters the cache; an answer
// enters it under the generation that was searched, so a write that happened
// meanwhile makes it unreachable, not stale.
//
// Thread safety: `run` may be called from any event loop, concurrently. Nothing here blocks: search
// and SQL run on the executor behind `search`, inference behind the embedding queue.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "base/clock.h"
#include "base/log_throttle.h"
#include "cache/local_cache.h"
#include "cache/purge_message.h"
#include "cache/refreshes.h"
#include "model/embedding_cache.h"
#include "net/offload.h"
#include "net/single_flight.h"
#include "net/task.h"
#include "policy/freshness.h"
#include "rag/answer_cache.h"
#include "rag/extractive.h"
#include "rag/hot_queries.h"
#include "rag/live_answer.h"
#include "rag/overload.h"
#include "rag/prompt.h"
#include "rag/query.h"
#include "rag/query_key.h"
#include "rag/question_rewriter.h"
#include "rag/retrieval_config.h"
#include "rag/retrieval_stage.h"
#include "rag/reuse_stage.h"
#include "store/store.h"

namespace raglan::rag {

struct PipelineConfig {
  RetrievalConfig retrieval;
  ExtractiveConfig extractive;
  PromptConfig prompt; // of a language model
  FollowUpConfig follow_ups;
  cache::LocalCacheConfig query_cache;
  policy::FreshnessConfig freshness; // of the query cache
  std::size_t hot_queries = 0;       // how many of them are counted
  cache::LocalCacheConfig retrieval_cache{.ttl = std::chrono::minutes(10)};
  SimilarQuestionsConfig similar_questions;
  std::size_t passage_tokens = 300; // of the longest passage, as a language model counts
};

// An answer just computed, and what it took.
struct ComputedAnswer {
  std::shared_ptr<const Answer> answer;
  std::optional<CacheLayer> layer; // of a stage; kQuery: another node or loop has computed it
  std::uint32_t calls = 0;         // of models, and searches
  StageTimings timings;
  policy::Freshness freshness = policy::Freshness::kFresh; // of one with layer kQuery
  MonotonicTime expires{};                                 // likewise
  bool stored = false;                                     // in the query cache, now
  bool short_of_time = false; // the passages, as whoever started the work had no time for more
  std::optional<Reuse> reuse; // it is another question's answer; `layer` is kQuery
};

// Of models: an outage must not write a line for every question.
struct FailureLog {
  LogThrottle embedder;
  LogThrottle generator;
};

class AnswerStream;
using StreamedReply = std::variant<QueryReply, AnswerStream>;

class Pipeline {
 public:
  class Run;
  using Flights = net::SingleFlight<ComputedAnswer, LiveAnswer>;

  struct Parts {
    store::Store& store;
    model::EmbeddingCache& embeddings;
    net::Submit search; // the bounded executor for what takes the processor a while
    const Clock& clock;
    redis::Client* redis = nullptr;        // the second tier of the caches, where there is one
    model::Generator* generator = nullptr; // null: answers are made of the passages' sentences
    Overload* overload = nullptr;          // null: everything is answered at once, and in full
    // Called once for each stage that ran, for histograms; may be empty.
    std::function<void(std::string_view stage, Duration)> on_stage;
    // Of each reply, or refusal, that is less than it should be, for each reason; may be empty.
    std::function<void(int level, std::string_view reason)> on_degraded;
  };

  Pipeline(PipelineConfig config, Parts parts);

  // Errors: kNotFound (no such collection), kNotCached, kDeadlineExceeded, kOverloaded, and what
  // the store reports.
  net::Task<Result<QueryReply>> run(QueryRequest request);

  // The same, as soon as the answer begins to be written (rag/answer_stream.h); whole, when it is
  // there at once.
  net::Task<Result<StreamedReply>> stream(QueryRequest request);

  // Of models, that answering it may take at most; estimated.
  std::size_t most_tokens(const QueryRequest& request) const;

  // Sees to it that the answer is cached and will be for so long. False when it is already, or
  // somebody is at it. For work that nobody waits for, which has kRefreshTimeout at most. Errors:
  // as of `run`.
  net::Task<Result<bool>> warm(QueryRequest request, Duration horizon);

  // The questions that are asked most.
  const HotQueries& hot_queries() const { return hot_queries_; }

  // So far: those served past their time.
  std::uint64_t stale_answers() const { return stale_answers_; }
  // Askers so far who got an answer, or passages, that were computed for another.
  std::uint64_t coalesced_answers() const { return answers_.joined_total(); }
  std::uint64_t coalesced_searches() const { return retrieval_.coalesced(); }

  // Answers that are computed again in the background now.
  std::size_t refreshing() const { return refreshes_.running(); }
  // Those that were not, because too many were.
  std::uint64_t refused_refreshes() const { return refreshes_.refused(); }

  // Removes entries of the cache of that name from this node: how many. Blocks, of vectors on disk:
  // on an executor.
  std::size_t purge_local(const cache::PurgeMessage& purge);
  // From memory alone, which takes milliseconds.
  std::size_t purge_memory(const cache::PurgeMessage& purge);
  // Entries of all caches: what another node has removed may have been missed. What was learned of
  // similar questions stays.
  void forget_cached();
  // From Redis, if there is one, and tells the other nodes. Errors: of Redis.
  net::Task<Result<std::size_t>> purge_shared(cache::PurgeMessage purge, Deadline deadline);

  AnswerCache::Tiers& query_cache() { return answer_cache_.tiers(); }
  RetrievalStage::Tiers& retrieval_cache() { return retrieval_.tiers(); }
  SimilarQuestions& similar_questions() { return reuse_.questions(); }

 private:
  // At most so many answers are computed again in the background at a time.
  static constexpr std::size_t kMaxRefreshes = 8;
  static constexpr std::chrono::seconds kRefreshTimeout{60};

  // The query cache left aside until the answer is there; then it is kept. With a `generation` the
  // retrieval cache is asked. `live`, which may be null, hears of the answer while it is written.
  net::Task<Result<ComputedAnswer>> compute(QueryRequest request,
                                            std::optional<store::Generation> generation,
                                            AnswerCache::Turn turn, LiveAnswer* live);
  // The answer that another loop or node has computed, or else this one's.
  net::Task<Result<ComputedAnswer>> find_or_compute(Hash128 key, QueryRequest request,
                                                    store::Generation generation, bool redis_failed,
                                                    LiveAnswer& live);
  // Has the answer, which expires then, computed again on `loop`, unless that is under way here.
  void refresh(const boost::asio::any_io_executor& loop, const Hash128& key, QueryRequest request,
               MonotonicTime expires);
  // Computes it, unless another node has or is about to: whether it did.
  net::Task<Result<bool>> run_refresh(cache::Refreshes::Permit permit, QueryRequest request,
                                      MonotonicTime expires);

  PipelineConfig config_;
  Parts parts_;
  const ConfigKeys keys_;
  QuestionRewriter rewriter_;
  AnswerCache answer_cache_;
  RetrievalStage retrieval_;
  ReuseStage reuse_;
  Flights answers_;
  cache::Refreshes refreshes_{kMaxRefreshes};
  FailureLog failures_;
  std::atomic<std::uint64_t> stale_answers_ = 0;
  HotQueries hot_queries_;
};

} // namespace raglan::rag
