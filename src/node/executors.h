// The threads on which a node's blocking work runs.
//
//   search      searches and short SQL reads of questions, and what answers cost the processor; a
//               thread per core
//   storage     document reads and writes of the embedded store, where a write holds its thread
//               until its commit, and commits of several threads share one fsync
//   extraction  text extraction and chunking; one
//   bulk        what else large requests cost: parsing and writing their JSON, hashing their texts,
//               counting the tokens of many texts; one
//
// A full queue is 503.
//
// Thread safety: any thread; `stop` when no request is under way, before the event loops are
// destroyed.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "net/offload.h"
#include "runtime/executor.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

class Executors {
 public:
  // `cores`: search threads.
  explicit Executors(std::size_t cores);

  net::Submit search() { return submit_to(search_); }
  net::Submit storage() { return submit_to(storage_); }
  net::Submit extraction() { return submit_to(extraction_); }
  net::Submit bulk() { return submit_to(bulk_); }

  std::vector<telemetry::Registration> register_metrics(telemetry::MetricRegistry& metrics);

  // Drops queued work and joins the threads. Idempotent.
  void stop();

 private:
  static net::Submit submit_to(runtime::Executor& executor);
  std::array<runtime::Executor*, 4> all() { return {&bulk_, &extraction_, &storage_, &search_}; }

  runtime::Executor search_;
  runtime::Executor storage_;
  runtime::Executor extraction_;
  runtime::Executor bulk_;
};

} // namespace raglan::node
