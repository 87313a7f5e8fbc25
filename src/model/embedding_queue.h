// The bounded executor in front of an Embedder: one thread that forms batches and runs them.
//
//   EmbeddingQueue queue(*embedder, {});
//   queue.submit({"how do I vacuum?"}, EmbeddingPriority::kQuery, deadline,
//                [](Result<Embeddings> made) { … });
//
// Texts of one request and of concurrent requests share a batch, up to `batch_tokens` padded
// tokens. Queries go first, and ingest runs in batches of the same small budget, so a query waits
// behind at most one of them; after kQueryBatchesInARow of its batches ingest gets a turn, or it
// would starve. Nothing waits while the queue is idle. Only when requests overlapped in the last
// batch does a batch that is not full wait for company, until `batch_window` after the last one
// ended.
//
// Each submit gets exactly one call of its callback: with the vectors, or with
//   kOverloaded (that priority's share is full), kTooLarge (the request could never fit),
//   kDeadlineExceeded (before its last text was started), kClientClosed (cancelled),
//   kDraining (stopped), or the embedder's own error.
// Refusals, cancellations and empty requests are called back by the calling thread, before `submit`
// or `cancel` returns; everything else by the queue's thread. A callback must not block, and must
// not stop or destroy the queue.
//
// Thread safety: all members, from any thread. The embedder must outlive the queue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "config/table.h"
#include "model/embedder.h"

namespace raglan::model {

enum class EmbeddingPriority : std::uint8_t { kQuery, kIngest };

struct EmbeddingQueueConfig {
  std::size_t batch_tokens = 512; // texts × tokens of the longest; a longer text goes alone
  std::chrono::milliseconds batch_window{2};
  std::size_t max_queued_texts = 4096; // of each priority
  std::size_t max_queued_tokens = 512 * 1024;
};

inline void describe(config::Table<EmbeddingQueueConfig>& table) {
  table
      .field("batch_tokens", &EmbeddingQueueConfig::batch_tokens,
             "computed at once, padding included; a question waits for at most so many of ingest")
      .min(1)
      .max(65'536);
  table
      .field("batch_window", &EmbeddingQueueConfig::batch_window,
             "how long a batch that is not full waits for company while requests overlap")
      .max(std::chrono::milliseconds(1000));
  table
      .field("max_queued_texts", &EmbeddingQueueConfig::max_queued_texts,
             "waiting, of questions and of ingest each; more are answered 503")
      .min(1)
      .max(1'000'000);
  table
      .field("max_queued_tokens", &EmbeddingQueueConfig::max_queued_tokens,
             "of the waiting texts, of questions and of ingest each; more are answered 503")
      .min(512)
      .max(1'000'000'000);
}

// What the queue holds now, and what it has done since it was made.
struct EmbeddingQueueStats {
  std::size_t queued_texts = 0;
  std::size_t queued_tokens = 0;
  std::uint64_t batches = 0; // calls of the embedder
  std::uint64_t texts = 0;
  std::uint64_t tokens = 0;
  std::uint64_t rejected = 0; // requests: overloaded, too large, draining
  std::uint64_t expired = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t failed = 0; // batches
};

// One call of the embedder, for histograms.
struct EmbeddingBatch {
  EmbeddingPriority priority = EmbeddingPriority::kQuery;
  std::size_t requests = 0;
  std::size_t texts = 0;
  std::size_t tokens = 0;
  Duration waited{};  // of the request that waited longest
  Duration elapsed{}; // in the embedder
};

class EmbeddingQueue {
 public:
  using Callback = std::move_only_function<void(Result<Embeddings>)>;
  using Observer = std::function<void(const EmbeddingBatch&)>; // called by the queue's thread
  using Ticket = std::uint64_t;

  static constexpr int kQueryBatchesInARow = 4; // a fifth of a saturated model is left to ingest

  EmbeddingQueue(Embedder& embedder, EmbeddingQueueConfig config, Observer observer = {},
                 const Clock& clock = SystemClock::instance());
  ~EmbeddingQueue(); // stops
  EmbeddingQueue(const EmbeddingQueue&) = delete;
  EmbeddingQueue& operator=(const EmbeddingQueue&) = delete;

  // Counts the texts' tokens on the calling thread. The ticket of a request that is done already is
  // 0.
  Ticket submit(std::vector<std::string> texts, EmbeddingPriority priority, Deadline deadline,
                Callback callback);
  // False when the request is done already. A batch that it is part of runs to its end.
  bool cancel(Ticket ticket);
  // Finishes the running batch, and refuses everything else. Idempotent.
  void stop();

  EmbeddingQueueStats stats() const;
  const Embedder& embedder() const { return embedder_; }

 private:
  struct Request;
  struct Batch;
  struct Outcome {
    Callback callback;
    Result<Embeddings> result;
  };
  using Outcomes = std::vector<Outcome>; // collected under the lock, delivered outside it
  // The requests of one priority that have texts not yet started, oldest first.
  struct Lane {
    std::deque<Request*> requests;
    std::size_t texts = 0;
    std::size_t tokens = 0;
  };

  std::unique_ptr<Request> make_request(std::vector<std::string> texts, EmbeddingPriority priority,
                                        Deadline deadline, Callback callback) const;
  Ticket refuse(Callback callback, Error error);
  void run();
  // What follows needs the lock.
  Result<> admit(const Request& request) const;
  void await_company(std::unique_lock<std::mutex>& lock);
  Batch take_batch(Outcomes& expired);
  void finish_batch(const Batch& batch, Result<Embeddings> made, Outcomes& outcomes);
  void finish_request(Request& request, Result<Embeddings> result, Outcomes& outcomes);
  Lane& lane(EmbeddingPriority priority) { return lanes_[static_cast<std::size_t>(priority)]; }
  const Lane& lane(EmbeddingPriority priority) const {
    return lanes_[static_cast<std::size_t>(priority)];
  }
  std::size_t waiting_tokens() const { return lanes_[0].tokens + lanes_[1].tokens; }

  Embedder& embedder_;
  const EmbeddingQueueConfig config_;
  const Observer observer_;
  const Clock& clock_;

  // A mutex of its own and not Guarded: the dispatcher waits on the condition.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<Ticket, std::unique_ptr<Request>> requests_;
  Lane lanes_[2];
  EmbeddingQueueStats stats_;
  Ticket next_ticket_ = 1;
  bool stopping_ = false;
  bool overlapping_ = false; // requests overlapped in the last batch
  int query_batches_in_a_row_ = 0;
  MonotonicTime last_batch_ended_{};

  std::mutex stop_mutex_; // one caller joins
  std::thread dispatcher_;
};

} // namespace raglan::model
