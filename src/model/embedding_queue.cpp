#include "model/embedding_queue.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

namespace raglan::model {

struct EmbeddingQueue::Request {
  Ticket ticket = 0;
  EmbeddingPriority priority = EmbeddingPriority::kQuery;
  std::vector<std::string> texts;
  std::vector<std::size_t> tokens; // of each text, as the model will see it
  std::vector<std::size_t> order; // of the texts: longest first, so that neighbours need no padding
  std::size_t total_tokens = 0;
  Deadline deadline;
  Callback callback; // empty: answered already, but a running batch still reads its texts
  MonotonicTime submitted{};
  std::size_t started = 0; // order[0, started) are done or running
  std::size_t running = 0;
  Embeddings result;

  bool waiting() const { return started < order.size(); }
  bool done() const { return !waiting() && running == 0; }
};

struct EmbeddingQueue::Batch {
  struct Row {
    Request* request;
    std::size_t text;
  };
  EmbeddingBatch report;
  std::vector<Row> rows;
  Deadline deadline = Deadline(MonotonicTime::min()); // the latest of its requests'
};

EmbeddingQueue::EmbeddingQueue(Embedder& embedder, EmbeddingQueueConfig config, Observer observer,
                               const Clock& clock)
    : embedder_(embedder), config_(config), observer_(std::move(observer)), clock_(clock) {
  dispatcher_ = std::thread([this] { run(); });
}

EmbeddingQueue::~EmbeddingQueue() { stop(); }

std::unique_ptr<EmbeddingQueue::Request> EmbeddingQueue::make_request(
    std::vector<std::string> texts, EmbeddingPriority priority, Deadline deadline,
    Callback callback) const {
  constexpr std::size_t kSpecialTokens = 2;
  auto request = std::make_unique<Request>();
  request->priority = priority;
  request->texts = std::move(texts);
  request->deadline = deadline;
  request->callback = std::move(callback);
  request->submitted = clock_.now();
  for (const std::string& text : request->texts) {
    const std::size_t tokens =
        std::min(embedder_.count_tokens(text) + kSpecialTokens, embedder_.max_tokens());
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
  request->result.tokens = request->total_tokens;
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
  if (texts.size() > config_.max_queued_texts) { // before their tokens are counted
    return refuse(std::move(callback),
                  {ErrorCode::kTooLarge, "too many texts in one embedding request", {}});
  }
  auto request = make_request(std::move(texts), priority, deadline, std::move(callback));
  std::unique_lock lock(mutex_);
  if (auto admitted = admit(*request); !admitted) {
    lock.unlock();
    return refuse(std::move(request->callback), std::move(admitted.error()));
  }
  const Ticket ticket = request->ticket = next_ticket_++;
  Lane& own = lane(priority);
  own.requests.push_back(request.get());
  own.texts += request->texts.size();
  own.tokens += request->total_tokens;
  requests_.emplace(ticket, std::move(request));
  lock.unlock();
  wake_.notify_one();
  return ticket;
}

EmbeddingQueue::Ticket EmbeddingQueue::refuse(Callback callback, Error error) {
  {
    const std::lock_guard lock(mutex_);
    ++(error.code == ErrorCode::kDeadlineExceeded ? stats_.expired : stats_.rejected);
  }
  callback(std::unexpected(std::move(error)));
  return 0;
}

Result<> EmbeddingQueue::admit(const Request& request) const {
  const Lane& own = lane(request.priority);
  if (stopping_) return fail(ErrorCode::kDraining, "the server is shutting down");
  if (request.deadline.expired(request.submitted)) {
    return fail(ErrorCode::kDeadlineExceeded, "the deadline passed before embedding");
  }
  if (request.total_tokens > config_.max_queued_tokens) {
    return fail(ErrorCode::kTooLarge, "too many tokens in one embedding request");
  }
  if (own.texts + request.texts.size() > config_.max_queued_texts ||
      own.tokens + request.total_tokens > config_.max_queued_tokens) {
    return fail(ErrorCode::kOverloaded, "the embedding queue is full");
  }
  return {};
}

bool EmbeddingQueue::cancel(Ticket ticket) {
  Outcomes outcomes;
  {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(ticket);
    if (found == requests_.end() || !found->second->callback) return false;
    ++stats_.cancelled;
    finish_request(*found->second, fail(ErrorCode::kClientClosed, "cancelled"), outcomes);
  }
  for (Outcome& outcome : outcomes) outcome.callback(std::move(outcome.result));
  return true;
}

void EmbeddingQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock(stop_mutex_);
  if (dispatcher_.joinable()) dispatcher_.join();
}

EmbeddingQueueStats EmbeddingQueue::stats() const {
  const std::lock_guard lock(mutex_);
  EmbeddingQueueStats stats = stats_;
  stats.queued_texts = lanes_[0].texts + lanes_[1].texts;
  stats.queued_tokens = waiting_tokens();
  return stats;
}

void EmbeddingQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || waiting_tokens() > 0; });
    await_company(lock);
    if (stopping_) break;
    Outcomes outcomes;
    Batch batch = take_batch(outcomes);
    lock.unlock();
    for (Outcome& outcome : outcomes) outcome.callback(std::move(outcome.result));
    outcomes.clear();
    if (batch.rows.empty()) {
      lock.lock();
      continue;
    }
    std::vector<std::string_view> texts;
    texts.reserve(batch.rows.size());
    for (const Batch::Row& row : batch.rows) texts.push_back(row.request->texts[row.text]);
    const MonotonicTime begun = clock_.now();
    Result<Embeddings> made = embedder_.embed(texts, batch.deadline);
    batch.report.elapsed = clock_.now() - begun;
    if (observer_) observer_(batch.report);

    lock.lock();
    finish_batch(batch, std::move(made), outcomes);
    lock.unlock();
    for (Outcome& outcome : outcomes) outcome.callback(std::move(outcome.result));
    lock.lock();
  }
  Outcomes outcomes;
  while (!requests_.empty()) {
    finish_request(*requests_.begin()->second,
                   fail(ErrorCode::kDraining, "the server is shutting down"), outcomes);
  }
  lock.unlock();
  for (Outcome& outcome : outcomes) outcome.callback(std::move(outcome.result));
}

void EmbeddingQueue::await_company(std::unique_lock<std::mutex>& lock) {
  if (!overlapping_) return;
  const Duration left = last_batch_ended_ + config_.batch_window - clock_.now();
  wake_.wait_for(lock, left,
                 [this] { return stopping_ || waiting_tokens() >= config_.batch_tokens; });
}

EmbeddingQueue::Batch EmbeddingQueue::take_batch(Outcomes& expired) {
  const Lane& queries = lane(EmbeddingPriority::kQuery);
  const Lane& ingest = lane(EmbeddingPriority::kIngest);
  const bool ingest_turn = queries.requests.empty() ||
                           (query_batches_in_a_row_ >= kQueryBatchesInARow && ingest.texts > 0);
  Batch batch;
  batch.report.priority = ingest_turn ? EmbeddingPriority::kIngest : EmbeddingPriority::kQuery;
  query_batches_in_a_row_ = ingest_turn ? 0 : query_batches_in_a_row_ + 1;
  Lane& own = lane(batch.report.priority);
  const MonotonicTime now = clock_.now();
  std::size_t longest = 0;
  while (!own.requests.empty()) {
    Request& request = *own.requests.front();
    if (request.deadline.expired(now)) {
      ++stats_.expired;
      finish_request(request,
                     fail(ErrorCode::kDeadlineExceeded, "the deadline passed before embedding"),
                     expired);
      continue;
    }
    const std::size_t started_before = request.started;
    while (request.waiting()) {
      const std::size_t text = request.order[request.started];
      const std::size_t padded = std::max(longest, request.tokens[text]);
      const bool fits = padded * (batch.rows.size() + 1) <= config_.batch_tokens;
      if (!fits && !batch.rows.empty()) break;
      longest = padded;
      batch.rows.push_back({&request, text});
      batch.report.tokens += request.tokens[text];
      own.tokens -= request.tokens[text];
      --own.texts;
      ++request.started;
      ++request.running;
    }
    if (request.started > started_before) {
      ++batch.report.requests;
      batch.report.waited = std::max(batch.report.waited, now - request.submitted);
      batch.deadline = Deadline(std::max(batch.deadline.at(), request.deadline.at()));
    }
    if (request.waiting()) break;
    own.requests.pop_front();
  }
  batch.report.texts = batch.rows.size();
  return batch;
}

void EmbeddingQueue::finish_batch(const Batch& batch, Result<Embeddings> made, Outcomes& outcomes) {
  const std::size_t dimension = embedder_.dimension();
  if (made && made->values.size() != batch.rows.size() * dimension) {
    made = fail(ErrorCode::kUpstream, "the embedder returned a wrong number of vectors");
  }
  ++stats_.batches;
  stats_.texts += batch.report.texts;
  stats_.tokens += batch.report.tokens;
  if (!made) ++stats_.failed;
  last_batch_ended_ = clock_.now();
  overlapping_ = batch.report.requests > 1 || waiting_tokens() > 0;
  for (std::size_t row = 0; row < batch.rows.size(); ++row) {
    auto& [request, text] = batch.rows[row];
    --request->running;
    if (made) {
      std::copy_n(made->values.begin() + static_cast<std::ptrdiff_t>(row * dimension), dimension,
                  request->result.values.begin() + static_cast<std::ptrdiff_t>(text * dimension));
    }
  }
  // A request's rows are neighbours, so its last row is where it may be destroyed.
  for (std::size_t row = 0; row < batch.rows.size(); ++row) {
    Request* const request = batch.rows[row].request;
    if (row + 1 < batch.rows.size() && batch.rows[row + 1].request == request) continue;
    if (!made) {
      finish_request(*request, std::unexpected(made.error()), outcomes);
    } else if (request->done()) {
      finish_request(*request, std::move(request->result), outcomes);
    }
  }
}

// Answers the request, unless it is answered, and forgets it, unless a running batch reads it.
void EmbeddingQueue::finish_request(Request& request, Result<Embeddings> result,
                                    Outcomes& outcomes) {
  if (request.callback) {
    outcomes.push_back({std::exchange(request.callback, nullptr), std::move(result)});
  }
  if (request.waiting()) {
    Lane& own = lane(request.priority);
    std::erase(own.requests, &request);
    for (; request.waiting(); ++request.started) {
      --own.texts;
      own.tokens -= request.tokens[request.order[request.started]];
    }
  }
  if (request.running == 0) requests_.erase(request.ticket);
}

} // namespace raglan::model
