// The bounded executor in front of an Embedder: threads that run the batches which
// model/embedding_batcher.h forms, as many as the embedder takes calls at a time.
//
//   EmbeddingQueue queue(*embedder, {});
//   queue.submit({"how do I vacuum?"}, EmbeddingPriority::kQuery, deadline,
//                [](Result<Embeddings> made) { … });
//
// Texts of one request and of concurrent requests share a batch. Nothing waits while the queue is
// idle. When the embedder refuses one of a batch's texts (kInvalidField), the batch is called for
// again by halves until the texts at fault are alone: among n, one of them costs 2·log2(n) calls
// more. They are named in the result (Embeddings::refused), and no other text fails with them; what
// was embedded is not embedded again. Halves that nobody waits for any more are not called for.
//
// Each submit gets exactly one call of its callback: with the vectors, or with
//   kInvalidField (everything was refused: it is not for single texts), kOverloaded (that
//   priority's share is full), kTooLarge (the request could never fit), kDeadlineExceeded (before
//   its last text was started), kClientClosed (cancelled), kDraining (stopped), or the embedder's
//   own error.
// Refusals, cancellations and empty requests are called back by the calling thread, before `submit`
// or `cancel` returns; what still waits when the queue stops, by the thread that stops it;
// everything else by a thread of the queue. A callback must not block, and must not stop or destroy
// the queue.
//
// The batch window passes as `clock` does: where a test's clock stands still, set it to 0.
//
// Thread safety: all members, from any thread. The embedder must outlive the queue.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "model/embedding_batcher.h"

namespace raglan::model {

class EmbeddingQueue {
 public:
  using Callback = EmbeddingBatcher::Callback;
  using Observer = std::function<void(const EmbeddingBatch&)>; // called by the queue's threads
  using Ticket = EmbeddingBatcher::Ticket;

  EmbeddingQueue(Embedder& embedder, const EmbeddingQueueConfig& config, Observer observer = {},
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
  // Interrupts the embedder, finishes the running batches, and refuses everything else. Idempotent.
  void stop();

  EmbeddingQueueStats stats() const;
  const Embedder& embedder() const { return embedder_; }

 private:
  using Batch = EmbeddingBatcher::Batch;
  using Outcomes = EmbeddingBatcher::Outcomes;
  using Rows = std::vector<EmbeddingBatcher::Row>;

  std::unique_ptr<EmbeddingBatcher::Request> make_request(std::vector<std::string> texts,
                                                          EmbeddingPriority priority,
                                                          Deadline deadline,
                                                          Callback callback) const;
  void run();
  void run_batch(const Batch& batch);
  // One call of the embedder; `report` is filled in.
  Result<Embeddings> call(const Batch& batch, const Rows& rows, EmbeddingBatch& report);

  Embedder& embedder_;
  const Observer observer_;
  const Clock& clock_;

  // A mutex of its own and not Guarded: the dispatchers wait on the condition.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  EmbeddingBatcher batcher_;
  bool stopping_ = false;

  std::mutex stop_mutex_; // one caller joins
  std::vector<std::thread> dispatchers_;
};

} // namespace raglan::model
