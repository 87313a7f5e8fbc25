// Joins the embedding queue from an event loop and waits for the vectors. What embeds goes through
// the cache in front of the queue: model/await_embedding.h. Internal to model/.
//
//   auto made = co_await await_queue(queue, executor, texts, priority, deadline, clock);
//
// Joining counts the texts' tokens, which is work for `executor`. The wait, there and in the queue,
// ends with kDeadlineExceeded at the deadline and with kClientClosed when it is cancelled; texts
// that nobody waits for any more then leave the queue. Other errors: kOverloaded when `executor` is
// full, kUnavailable when it is stopped, and those of EmbeddingQueue::submit.
//
// Thread safety: any event loop, concurrently. Queue and clock must outlive the executor's work.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "model/embedding_queue.h"
#include "net/offload.h"

namespace raglan::model {

net::Task<Result<Embeddings>> await_queue(EmbeddingQueue& queue, const net::Submit& executor,
                                          std::vector<std::string> texts,
                                          EmbeddingPriority priority, Deadline deadline,
                                          const Clock& clock);

} // namespace raglan::model
