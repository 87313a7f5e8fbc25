#include "rag/warmer.h"

#include <utility>

#include "net/pause.h"

namespace raglan::rag {

net::Task<WarmupCount> warm(Pipeline& pipeline, std::vector<QueryRequest> requests,
                            Deadline deadline, const Clock& clock) {
  WarmupCount count;
  for (QueryRequest& request : requests) {
    if (deadline.expired(clock.now())) {
      ++count.left;
      continue;
    }
    request.deadline = deadline;
    const auto warmed = co_await pipeline.warm(std::move(request), {});
    if (!warmed) {
      ++(deadline.expired(clock.now()) ? count.left : count.failed);
    } else {
      ++(*warmed ? count.answered : count.cached);
    }
  }
  co_return count;
}

net::Task<void> warm_behind(Pipeline& pipeline, std::vector<QueryRequest> requests,
                            const Clock& clock) {
  (void)co_await warm(pipeline, std::move(requests), Deadline(), clock);
}

// One after the other: this is work that nobody waits for.
net::Task<void> watch_hot_queries(Pipeline& pipeline, WarmupConfig config) {
  while (co_await net::pause(config.interval)) {
    for (HotQuery& hot : pipeline.hot_queries().top(config.hot_queries)) {
      // Asked once, it may never be again.
      if (hot.count < 2) break;
      // An answer that fails now is tried again at the next look.
      (void)co_await pipeline.warm(std::move(hot.request), 2 * config.interval);
    }
  }
}

} // namespace raglan::rag
