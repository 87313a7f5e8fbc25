// Which texts go to the embedder next, together with which others: the embedding queue's decisions,
// without its threads.
//
// Texts wait in two lanes, questions and ingest, as parts of their requests. A batch takes texts of
// one lane, oldest request first, up to the embedder's limits. At most `limits.calls` batches are
// under way at a time.
//
// Whose turn. Questions go first; after kQueryBatchesInARow of their batches ingest gets a turn, or
// it would starve. Where calls go side by side, ingest leaves one of them to questions, so that a
// question never waits for an ingest call to end; where they do not, it waits for at most one. Then
// ingest's batches are half as large while questions come: what one takes is what nearly every
// question waits, and a long text costs no more alone than beside another.
//
// When. A lane in which nothing is under way and nobody waited for the last batch is idle: its next
// batch goes at once, whatever is in it. In a busy lane a batch that is not full waits for company:
// until `batch_window` after the last batch ended, or, with others under way, after it was asked
// for if that is later; there the window grows with what a call takes, to a quarter of it, as
// calls that cost more are worth more waiting. So the window costs time only where it saves calls.
//
// Thread safety: none; EmbeddingQueue holds its lock around every call. `now` is given.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "config/table.h"
#include "model/embedder.h"

namespace raglan::model {

struct EmbeddingQueueConfig {
  std::chrono::milliseconds batch_window{2};
  std::size_t max_queued_texts = 4096; // of each priority
  std::size_t max_queued_tokens = 512 * 1024;
};

inline void describe(config::Table<EmbeddingQueueConfig>& table) {
  table
      .field("batch_window", &EmbeddingQueueConfig::batch_window,
             "how long a batch that is not full waits for company while requests overlap; beside "
             "calls under way a quarter of a call, where that is longer, at most 50ms")
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
  std::size_t tokens = 0; // as the embedder metered them, else as they were counted; 0 if it failed
  Duration waited{};      // of the request that waited longest
  Duration elapsed{};     // in the embedder
};

// How often calls for so many texts may be refused (kInvalidField) in a row, without one that
// succeeds, and be made again by halves, before what is refused next fails as a whole: enough to
// find any texts at fault among good ones, and far from a call for every text when the fault is in
// the settings.
constexpr std::size_t refusals_allowed(std::size_t texts) {
  return 2 * static_cast<std::size_t>(std::bit_width(texts)) + 2;
}

class EmbeddingBatcher {
 public:
  using Callback = std::move_only_function<void(Result<Embeddings>)>;
  using Ticket = std::uint64_t; // never 0

  static constexpr int kQueryBatchesInARow = 4; // a fifth of a saturated model is left to ingest
  static constexpr std::chrono::seconds kQuestionsLately{1};
  static constexpr int kWindowsPerCall = 4;
  static constexpr std::chrono::milliseconds kLongestWindow{50}; // if `batch_window` is not longer

  // Texts that were asked for together.
  struct Request {
    Ticket ticket = 0;
    EmbeddingPriority priority = EmbeddingPriority::kQuery;
    std::vector<std::string> texts;
    std::vector<std::size_t> tokens; // of each text, as the model will see it
    // Of the texts: longest first, so that neighbours need no padding.
    std::vector<std::size_t> order;
    std::size_t total_tokens = 0;
    Deadline deadline;
    Callback callback; // empty: answered already, but a running batch still reads its texts
    MonotonicTime submitted{};
    std::size_t started = 0; // order[0, started) are done or running
    std::size_t running = 0;
    Embeddings result; // row_tokens as counted, until they are metered

    bool waiting() const { return started < order.size(); }
    bool done() const { return !waiting() && running == 0; }
  };

  struct Row {
    Request* request;
    std::size_t text;
    std::string_view view() const { return request->texts[text]; }
  };
  // Rows of one request are neighbours.
  struct Batch {
    EmbeddingPriority priority = EmbeddingPriority::kQuery;
    std::vector<Row> rows;
    std::size_t requests = 0;
    std::size_t most_tokens = 0;                        // that it may have
    Deadline deadline = Deadline(MonotonicTime::min()); // the latest of its requests'
    Duration waited{};                                  // of the request that waited longest
  };
  // To be called outside the lock.
  struct Outcome {
    Callback callback;
    Result<Embeddings> result;
  };
  using Outcomes = std::vector<Outcome>;

  EmbeddingBatcher(const BatchLimits& limits, const EmbeddingQueueConfig& config,
                   std::size_t dimension)
      : limits_(limits), config_(config), dimension_(dimension) {}

  // Errors: kOverloaded, kTooLarge, kDeadlineExceeded; the request is then as it was.
  Result<Ticket> add(std::unique_ptr<Request>& request);
  // False when the request is answered already.
  bool cancel(Ticket ticket, Outcomes& outcomes);
  // Answers every request with kDraining.
  void drain(Outcomes& outcomes);

  // The next batch that may start, if any; requests whose deadline passed are answered on the way.
  std::optional<Batch> take(MonotonicTime now, Outcomes& outcomes);
  // When `take` may give more than it just did, should nothing else happen before;
  // MonotonicTime::max() when it never will.
  MonotonicTime next_start(MonotonicTime now) const;
  // What one call of the embedder made of some rows of a batch. A row that is refused alone is told
  // in its request's result; any other error is that of all the rows' requests.
  void settle(std::span<const Row> rows, const EmbeddingBatch& report, Result<Embeddings> made,
              Outcomes& outcomes);
  // Removes the rows of requests that are answered: nobody wants them any more.
  void drop_answered(std::vector<Row>& rows);
  // After all of its rows have been settled or dropped, some of whose requests are no more.
  void finish(const Batch& batch, MonotonicTime now);

  void count_refusal(ErrorCode code) {
    ++(code == ErrorCode::kDeadlineExceeded ? stats_.expired : stats_.rejected);
  }
  EmbeddingQueueStats stats() const;
  const BatchLimits& limits() const { return limits_; }
  const EmbeddingQueueConfig& config() const { return config_; }

 private:
  // The requests of one priority that have texts not yet started, oldest first.
  struct Lane {
    std::deque<Request*> requests;
    std::size_t texts = 0;
    std::size_t tokens = 0;
    std::size_t under_way = 0;  // batches
    bool overlapping = false;   // requests overlapped in the last batch
    MonotonicTime last_ended{}; // of a batch
    Duration call_took{};       // the last one
  };

  Result<> admit(const Request& request) const;
  // Whose batch is next, held back or not; empty when none may start.
  std::optional<EmbeddingPriority> next_lane(MonotonicTime now) const;
  MonotonicTime held_until(const Lane& lane) const;
  bool is_ready(const Lane& lane, MonotonicTime now) const;
  bool ingest_may_start() const;
  std::size_t most_tokens(EmbeddingPriority priority, MonotonicTime now) const; // of a batch
  bool fits(const Batch& batch, std::size_t longest, std::size_t tokens, std::size_t next) const;
  void fill(Batch& batch, Lane& lane, MonotonicTime now, Outcomes& outcomes);
  void finish_request(Request& request, Result<Embeddings> result, Outcomes& outcomes);
  std::size_t free_calls() const {
    return limits_.calls - lanes_[0].under_way - lanes_[1].under_way;
  }
  Lane& lane(EmbeddingPriority priority) { return lanes_[static_cast<std::size_t>(priority)]; }
  const Lane& lane(EmbeddingPriority priority) const {
    return lanes_[static_cast<std::size_t>(priority)];
  }

  const BatchLimits limits_;
  const EmbeddingQueueConfig config_;
  const std::size_t dimension_;
  std::unordered_map<Ticket, std::unique_ptr<Request>> requests_;
  Lane lanes_[2];
  EmbeddingQueueStats stats_;
  Ticket next_ticket_ = 1;
  int query_batches_in_a_row_ = 0;
  MonotonicTime last_question_ = MonotonicTime::min();
};

} // namespace raglan::model
