#include "model/await_queue.h"

#include <atomic>
#include <memory>
#include <utility>

namespace raglan::model {

net::Task<Result<Embeddings>> await_queue(EmbeddingQueue& queue, const net::Submit& executor,
                                          std::vector<std::string> texts,
                                          EmbeddingPriority priority, Deadline deadline,
                                          const Clock& clock) {
  const auto ticket = std::make_shared<std::atomic<EmbeddingQueue::Ticket>>(0);
  auto join = [&queue, texts = std::move(texts), priority, deadline,
               ticket](const net::Completion<Embeddings>& done) mutable {
    auto deliver = [done](Result<Embeddings> made) { done.deliver(std::move(made)); };
    *ticket = queue.submit(std::move(texts), priority, deadline, std::move(deliver));
    // Whoever waited may have looked for the ticket too early.
    if (done.cancelled()) queue.cancel(*ticket);
  };
  auto made = co_await net::offload_start<Embeddings>(executor, std::move(join), deadline, clock);
  if (!made) queue.cancel(*ticket);
  co_return made;
}

} // namespace raglan::model
