// Keeps answers in the query cache before anybody waits for them.
//
//   warm    a list of questions, at start-up or on request: those that are not cached are answered.
//   watch   for ever: the questions asked most (rag/hot_queries.h) are answered again before their
//           answers expire, and after a write has made them unreachable.
//
// Both work behind everybody who waits for an answer (QueryRequest::background), a few questions at
// a time. An answer that another node is computing is waited for and not computed again.
//
// Thread safety: coroutines of one event loop or several. The pipeline must outlive the loops.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/table.h"
#include "net/task.h"
#include "rag/pipeline.h"

namespace raglan::rag {

struct WarmupConfig {
  std::string queries; // a file; see app/warmup_list.h
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  bool refresh = true;
  std::chrono::milliseconds interval = std::chrono::seconds(5);
  std::size_t hot_queries = 100;
};

inline void describe(config::Table<WarmupConfig>& table) {
  using C = WarmupConfig;
  table.field("queries", &C::queries,
              "a file of questions, one a line, that are answered before the node is ready");
  table
      .field("timeout", &C::timeout,
             "how long the node's start may wait for that; the rest follows")
      .max(std::chrono::hours(1));
  table.field(
      "refresh", &C::refresh,
      "whether the questions asked most are answered again before their answers expire, and "
      "after a write");
  table.field("interval", &C::interval, "how often those questions are looked at")
      .min(std::chrono::milliseconds(100))
      .max(std::chrono::hours(1));
  table.field("hot_queries", &C::hot_queries, "how many questions are kept warm").max(1'000);
}

struct WarmupCount {
  std::size_t answered = 0; // computed now
  std::size_t cached = 0;   // were there already
  std::size_t failed = 0;
  std::size_t left = 0; // not done by the deadline
};

// Answers what is not cached.
net::Task<WarmupCount> warm(Pipeline& pipeline, std::vector<QueryRequest> requests,
                            Deadline deadline, const Clock& clock);

// The same, with all the time that it takes, and with nobody who waits.
net::Task<void> warm_behind(Pipeline& pipeline, std::vector<QueryRequest> requests,
                            const Clock& clock);

// Does not end.
net::Task<void> watch_hot_queries(Pipeline& pipeline, WarmupConfig config);

} // namespace raglan::rag
