#include "model/embedding_queue.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace raglan::model {
namespace {

void deliver(EmbeddingBatcher::Outcomes& outcomes) {
  for (auto& outcome : outcomes) outcome.callback(std::move(outcome.result));
  outcomes.clear();
}

} // namespace

EmbeddingQueue::EmbeddingQueue(Embedder& embedder, const EmbeddingQueueConfig& config,
                               Observer observer, const Clock& clock)
    : embedder_(embedder),
      observer_(std::move(observer)),
      clock_(clock),
      batcher_(embedder.batch_limits(), config, embedder.dimension()) {
  for (std::size_t i = 0; i < batcher_.limits().calls; ++i) {
    dispatchers_.emplace_back([this] { run(); });
  }
}

EmbeddingQueue::~EmbeddingQueue() { stop(); }

std::unique_ptr<EmbeddingBatcher::Request> EmbeddingQueue::make_request(
    std::vector<std::string> texts, EmbeddingPriority priority, Deadline deadline,
    Callback callback) const {
  auto request = std::make_unique<EmbeddingBatcher::Request>();
  request->priority = priority;
  request->texts = std::move(texts);
  request->deadline = deadline;
  request->callback = std::move(callback);
  request->submitted = clock_.now();
  for (const std::string& text : request->texts) {
    const std::size_t tokens = std::min(
        embedder_.count_tokens(text) + batcher_.limits().special_tokens, embedder_.max_tokens());
    request->tokens.push_back(tokens);
    request->total_tokens += tokens;
  }
  request->order.resize(request->texts.size());
  std::iota(request->order.begin(), request->order.end(), std::size_t{0});
  std::ranges::sort(request->order, [&](std::size_t left, std::size_t right) {
    return std::pair(request->tokens[right], left) < std::pair(request->tokens[left], right);
  });
  request->result.dimension = embedder_.dimension();
  request->result.values.resize(request->texts.size() * embedder_.dimension());
  request->result.row_tokens = request->tokens;
  return request;
}

EmbeddingQueue::Ticket EmbeddingQueue::submit(std::vector<std::string> texts,
                                              EmbeddingPriority priority, Deadline deadline,
                                              Callback callback) {
  if (texts.empty()) {
    callback(Embeddings{embedder_.dimension(), {}, 0});
    return 0;
  }
  if (texts.size() > batcher_.config().max_queued_texts) { // their tokens are not even counted
    {
      const std::lock_guard lock(mutex_);
      batcher_.count_refusal(ErrorCode::kTooLarge);
    }
    callback(fail(ErrorCode::kTooLarge, "too many texts in one embedding request"));
    return 0;
  }
  auto request = make_request(std::move(texts), priority, deadline, std::move(callback));
  Result<Ticket> added = fail(ErrorCode::kDraining, "the server is shutting down");
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) added = batcher_.add(request);
    if (!added) batcher_.count_refusal(added.error().code);
  }
  if (!added) {
    request->callback(forward_error(added));
    return 0;
  }
  wake_.notify_one();
  return *added;
}

bool EmbeddingQueue::cancel(Ticket ticket) {
  Outcomes outcomes;
  bool cancelled = false;
  {
    const std::lock_guard lock(mutex_);
    cancelled = batcher_.cancel(ticket, outcomes);
  }
  deliver(outcomes);
  return cancelled;
}

void EmbeddingQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  embedder_.interrupt();
  const std::lock_guard stop_lock(stop_mutex_);
  for (std::thread& dispatcher : dispatchers_) {
    if (dispatcher.joinable()) dispatcher.join();
  }
  Outcomes outcomes;
  {
    const std::lock_guard lock(mutex_);
    batcher_.drain(outcomes);
  }
  deliver(outcomes);
}

EmbeddingQueueStats EmbeddingQueue::stats() const {
  const std::lock_guard lock(mutex_);
  return batcher_.stats();
}

void EmbeddingQueue::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Outcomes outcomes;
    const MonotonicTime now = clock_.now();
    const auto batch = batcher_.take(now, outcomes);
    const MonotonicTime next = batcher_.next_start(now);
    if (!batch && outcomes.empty()) {
      if (next == MonotonicTime::max()) {
        wake_.wait(lock);
      } else {
        wake_.wait_for(lock, next - now);
      }
      continue;
    }
    // Another dispatcher takes what may start too, or looks after what is held back.
    if (batch && next != MonotonicTime::max()) wake_.notify_one();
    lock.unlock();
    deliver(outcomes);
    if (batch) run_batch(*batch);
    lock.lock();
  }
}

void EmbeddingQueue::run_batch(const Batch& batch) {
  const std::size_t most_refusals = refusals_allowed(batch.rows.size());
  std::size_t refusals = 0;               // since the last call that succeeded
  std::vector<Rows> parts = {batch.rows}; // the next one last
  while (!parts.empty()) {
    const Rows rows = std::move(parts.back());
    parts.pop_back();
    EmbeddingBatch report;
    Result<Embeddings> made = call(batch, rows, report);
    const bool refused = !made && made.error().code == ErrorCode::kInvalidField;
    const bool halved = refused && rows.size() > 1 && refusals < most_refusals;
    refusals = refused ? refusals + 1 : 0;
    if (halved) {
      const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
      parts.emplace_back(middle, rows.end());
      parts.emplace_back(rows.begin(), middle);
    }
    Outcomes outcomes;
    {
      const std::lock_guard lock(mutex_);
      if (!halved) batcher_.settle(rows, report, std::move(made), outcomes);
      for (Rows& part : parts) batcher_.drop_answered(part);
      std::erase_if(parts, [](const Rows& part) { return part.empty(); });
      if (parts.empty()) batcher_.finish(batch, clock_.now());
    }
    deliver(outcomes);
  }
}

Result<Embeddings> EmbeddingQueue::call(const Batch& batch, const Rows& rows,
                                        EmbeddingBatch& report) {
  std::vector<std::string_view> texts;
  texts.reserve(rows.size());
  report = {.priority = batch.priority,
            .requests = batch.requests,
            .texts = rows.size(),
            .waited = batch.waited};
  for (const EmbeddingBatcher::Row& row : rows) {
    texts.push_back(row.view());
    report.tokens += row.request->tokens[row.text];
  }
  const MonotonicTime begun = clock_.now();
  Result<Embeddings> made = embedder_.embed(texts, {batch.deadline, batch.priority});
  report.elapsed = clock_.now() - begun;
  if (made && made->tokens > 0) report.tokens = made->tokens;
  if (!made) report.tokens = 0;
  if (observer_) observer_(report);
  return made;
}

} // namespace raglan::model
