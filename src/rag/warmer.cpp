#include "rag/warmer.h"

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

#include "base/log.h"
#include "net/pause.h"
#include "net/together.h"

namespace raglan::rag {
namespace {

constexpr std::size_t kAtOnce = 8; // they share embedding calls

// What of each: Pipeline::warm. At most kAtOnce.
net::Task<std::vector<Result<bool>>> warm_some(Pipeline& pipeline, std::span<QueryRequest> requests,
                                               Duration horizon) {
  std::vector<net::Task<Result<bool>>> running;
  running.reserve(requests.size());
  for (QueryRequest& request : requests) {
    running.push_back(pipeline.warm(std::move(request), horizon));
  }
  co_return co_await net::together(std::move(running));
}

// Takes up to kAtOnce from the front.
std::span<QueryRequest> take_some(std::span<QueryRequest>& requests) {
  const auto some = requests.first(std::min(requests.size(), kAtOnce));
  requests = requests.subspan(some.size());
  return some;
}

net::Task<void> keep_warm(Pipeline& pipeline, const WarmupConfig& config) {
  std::vector<QueryRequest> requests;
  for (HotQuery& hot : pipeline.hot_queries().top(config.hot_queries)) {
    // Asked once, it may never be again.
    if (hot.count >= 2) requests.push_back(std::move(hot.request));
  }
  std::span<QueryRequest> waiting = requests;
  while (!waiting.empty()) {
    // An answer that fails now is tried again at the next look.
    (void)co_await warm_some(pipeline, take_some(waiting), 2 * config.interval);
  }
}

} // namespace

net::Task<WarmupCount> warm(Pipeline& pipeline, std::vector<QueryRequest> requests,
                            Deadline deadline, const Clock& clock) {
  WarmupCount count;
  std::span<QueryRequest> waiting = requests;
  while (!waiting.empty() && !deadline.expired(clock.now())) {
    const auto some = take_some(waiting);
    for (QueryRequest& request : some) request.deadline = deadline;
    const auto results = co_await warm_some(pipeline, some, {});
    const bool late = deadline.expired(clock.now());
    for (const Result<bool>& warmed : results) {
      if (warmed) {
        ++(*warmed ? count.answered : count.cached);
      } else {
        ++(late ? count.left : count.failed);
      }
    }
  }
  count.left += waiting.size();
  co_return count;
}

net::Task<void> warm_behind(Pipeline& pipeline, std::vector<QueryRequest> requests,
                            const Clock& clock) {
  (void)co_await warm(pipeline, std::move(requests), Deadline(), clock);
}

net::Task<void> watch_hot_queries(Pipeline& pipeline, WarmupConfig config) {
  while (co_await net::pause(config.interval)) {
    try {
      co_await keep_warm(pipeline, config);
    } catch (const std::exception& failure) { // memory, say: the next look may succeed
      log_error("keeping the hot questions warm threw", {{"type", typeid(failure).name()}});
    }
  }
}

} // namespace raglan::rag
