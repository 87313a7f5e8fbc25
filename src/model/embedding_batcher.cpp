#include "model/embedding_batcher.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace raglan::model {

Result<EmbeddingBatcher::Ticket> EmbeddingBatcher::add(std::unique_ptr<Request>& request) {
  if (auto admitted = admit(*request); !admitted) return forward_error(admitted);
  const Ticket ticket = request->ticket = next_ticket_++;
  if (request->priority == EmbeddingPriority::kQuery) last_question_ = request->submitted;
  Lane& own = lane(request->priority);
  own.requests.push_back(request.get());
  own.texts += request->texts.size();
  own.tokens += request->total_tokens;
  requests_.emplace(ticket, std::move(request));
  return ticket;
}

Result<> EmbeddingBatcher::admit(const Request& request) const {
  const Lane& own = lane(request.priority);
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

bool EmbeddingBatcher::cancel(Ticket ticket, Outcomes& outcomes) {
  const auto found = requests_.find(ticket);
  if (found == requests_.end() || !found->second->callback) return false;
  ++stats_.cancelled;
  finish_request(*found->second, fail(ErrorCode::kClientClosed, "cancelled"), outcomes);
  return true;
}

void EmbeddingBatcher::drain(Outcomes& outcomes) {
  std::vector<Request*> all;
  all.reserve(requests_.size());
  for (const auto& [ticket, request] : requests_) all.push_back(request.get());
  for (Request* request : all) {
    finish_request(*request, fail(ErrorCode::kDraining, "the server is shutting down"), outcomes);
  }
}

MonotonicTime EmbeddingBatcher::held_until(const Lane& lane) const {
  if (lane.under_way > 0) {
    const Duration grown = std::min<Duration>(lane.call_took / kWindowsPerCall, kLongestWindow);
    return std::max(lane.last_ended, lane.requests.front()->submitted) +
           std::max<Duration>(config_.batch_window, grown);
  }
  return lane.overlapping ? lane.last_ended + config_.batch_window : MonotonicTime::min();
}

bool EmbeddingBatcher::is_ready(const Lane& lane, MonotonicTime now) const {
  const bool full = lane.texts >= limits_.texts || lane.tokens >= limits_.tokens;
  return full || now >= held_until(lane);
}

bool EmbeddingBatcher::ingest_may_start() const {
  const Lane& ingest = lane(EmbeddingPriority::kIngest);
  if (ingest.requests.empty()) return false;
  const bool all_but_one = limits_.calls > 1 && ingest.under_way + 1 >= limits_.calls;
  if (all_but_one) return false;
  return lane(EmbeddingPriority::kQuery).requests.empty() || free_calls() > 1 ||
         query_batches_in_a_row_ >= kQueryBatchesInARow;
}

std::optional<EmbeddingPriority> EmbeddingBatcher::next_lane(MonotonicTime now) const {
  if (free_calls() == 0) return std::nullopt;
  const Lane& queries = lane(EmbeddingPriority::kQuery);
  const bool query_ready = !queries.requests.empty() && is_ready(queries, now);
  const bool ingest_ready = ingest_may_start() && is_ready(lane(EmbeddingPriority::kIngest), now);
  const bool ingest_turn = query_batches_in_a_row_ >= kQueryBatchesInARow;
  if (query_ready && !(ingest_ready && ingest_turn)) return EmbeddingPriority::kQuery;
  if (ingest_ready) return EmbeddingPriority::kIngest;
  return std::nullopt;
}

MonotonicTime EmbeddingBatcher::next_start(MonotonicTime now) const {
  MonotonicTime next = MonotonicTime::max();
  if (free_calls() == 0) return next;
  const auto look_at = [&](const Lane& lane) {
    next = std::min(next, is_ready(lane, now) ? now : held_until(lane));
  };
  const Lane& queries = lane(EmbeddingPriority::kQuery);
  if (!queries.requests.empty()) look_at(queries);
  if (ingest_may_start()) look_at(lane(EmbeddingPriority::kIngest));
  return next;
}

std::optional<EmbeddingBatcher::Batch> EmbeddingBatcher::take(MonotonicTime now,
                                                              Outcomes& outcomes) {
  while (const auto priority = next_lane(now)) {
    Batch batch{.priority = *priority, .rows = {}, .most_tokens = most_tokens(*priority, now)};
    fill(batch, lane(*priority), now, outcomes);
    if (batch.rows.empty()) continue; // all of them had expired
    ++lane(*priority).under_way;
    query_batches_in_a_row_ = *priority == EmbeddingPriority::kIngest
                                  ? 0
                                  : std::min(query_batches_in_a_row_ + 1, kQueryBatchesInARow);
    return batch;
  }
  return std::nullopt;
}

std::size_t EmbeddingBatcher::most_tokens(EmbeddingPriority priority, MonotonicTime now) const {
  const bool in_the_way = priority == EmbeddingPriority::kIngest && limits_.calls == 1 &&
                          last_question_ > now - kQuestionsLately;
  return in_the_way ? limits_.tokens / 2 : limits_.tokens;
}

bool EmbeddingBatcher::fits(const Batch& batch, std::size_t longest, std::size_t tokens,
                            std::size_t next) const {
  const std::size_t rows = batch.rows.size() + 1;
  if (rows == 1) return true;
  const std::size_t cost = limits_.padded ? std::max(longest, next) * rows : tokens + next;
  return rows <= limits_.texts && cost <= batch.most_tokens;
}

void EmbeddingBatcher::fill(Batch& batch, Lane& lane, MonotonicTime now, Outcomes& outcomes) {
  std::size_t longest = 0;
  std::size_t tokens = 0;
  while (!lane.requests.empty()) {
    Request& request = *lane.requests.front();
    if (request.deadline.expired(now)) {
      ++stats_.expired;
      finish_request(request,
                     fail(ErrorCode::kDeadlineExceeded, "the deadline passed before embedding"),
                     outcomes);
      continue;
    }
    const std::size_t started_before = request.started;
    while (request.waiting()) {
      const std::size_t text = request.order[request.started];
      const std::size_t next = request.tokens[text];
      if (!fits(batch, longest, tokens, next)) break;
      longest = std::max(longest, next);
      tokens += next;
      batch.rows.push_back({&request, text});
      lane.tokens -= next;
      --lane.texts;
      ++request.started;
      ++request.running;
    }
    if (request.started > started_before) {
      ++batch.requests;
      batch.waited = std::max(batch.waited, now - request.submitted);
      batch.deadline = Deadline(std::max(batch.deadline.at(), request.deadline.at()));
    }
    if (request.waiting()) break;
    lane.requests.pop_front();
  }
}

void EmbeddingBatcher::settle(std::span<const Row> rows, const EmbeddingBatch& report,
                              Result<Embeddings> made, Outcomes& outcomes) {
  if (made && made->values.size() != rows.size() * dimension_) {
    made = fail(ErrorCode::kUpstream, "the embedder returned a wrong number of vectors");
  }
  ++stats_.batches;
  stats_.texts += report.texts;
  stats_.tokens += report.tokens;
  if (!made) ++stats_.failed;
  lane(report.priority).call_took = report.elapsed;
  const bool refused = !made && made.error().code == ErrorCode::kInvalidField && rows.size() == 1;
  std::size_t counted = 0;
  for (const Row& row : rows) counted += row.request->tokens[row.text];
  const double metered_per_token =
      counted == 0 ? 0 : static_cast<double>(report.tokens) / static_cast<double>(counted);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& [request, text] = rows[i];
    --request->running;
    if (refused) {
      request->result.refused.push_back({text, made.error()});
      request->result.row_tokens[text] = 0;
    }
    if (!made) continue;
    const double metered = static_cast<double>(request->tokens[text]) * metered_per_token;
    request->result.row_tokens[text] = static_cast<std::size_t>(std::llround(metered));
    std::copy_n(made->values.begin() + static_cast<std::ptrdiff_t>(i * dimension_), dimension_,
                request->result.values.begin() + static_cast<std::ptrdiff_t>(text * dimension_));
  }
  // A request's rows are neighbours, so its last row is where it may be destroyed.
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Request* const request = rows[i].request;
    if (i + 1 < rows.size() && rows[i + 1].request == request) continue;
    if (!made && !refused) {
      finish_request(*request, std::unexpected(made.error()), outcomes);
    } else if (request->done()) {
      std::ranges::sort(request->result.refused, {}, &Refusal::row);
      const auto& tokens = request->result.row_tokens;
      request->result.tokens = std::accumulate(tokens.begin(), tokens.end(), std::size_t{0});
      finish_request(*request, std::move(request->result), outcomes);
    }
  }
}

void EmbeddingBatcher::drop_answered(std::vector<Row>& rows) {
  std::erase_if(rows, [this](const Row& row) {
    if (row.request->callback) return false;
    if (--row.request->running == 0) requests_.erase(row.request->ticket);
    return true;
  });
}

void EmbeddingBatcher::finish(const Batch& batch, MonotonicTime now) {
  Lane& own = lane(batch.priority);
  --own.under_way;
  own.last_ended = now;
  own.overlapping = batch.requests > 1 || own.texts > 0;
}

// Answers the request, unless it is answered, and forgets it, unless a running batch reads it.
void EmbeddingBatcher::finish_request(Request& request, Result<Embeddings> result,
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

EmbeddingQueueStats EmbeddingBatcher::stats() const {
  EmbeddingQueueStats stats = stats_;
  stats.queued_texts = lanes_[0].texts + lanes_[1].texts;
  stats.queued_tokens = lanes_[0].tokens + lanes_[1].tokens;
  return stats;
}

} // namespace raglan::model
