#include "node/service.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "node/breaker_routes.h"
#include "node/cache_metrics.h"
#include "node/cache_routes.h"
#include "node/chat_routes.h"
#include "node/collection_routes.h"
#include "node/degradation_routes.h"
#include "node/document_routes.h"
#include "node/openai_routes.h"
#include "node/overload_metrics.h"
#include "node/query_routes.h"
#include "node/rate_limit_metrics.h"

namespace raglan::node {
namespace {

constexpr std::size_t kMaxQueuedSearches = 512;
constexpr std::size_t kStorageThreads = 4;
constexpr std::size_t kMaxQueuedStorage = 512;
constexpr std::size_t kMaxQueuedExtractions = 256;
constexpr std::size_t kMaxQueuedBulk = 256;
// A readiness probe must be answered, with whatever answer.
constexpr std::chrono::seconds kCheckTimeout{2};

net::Submit submit_to(runtime::Executor& executor) {
  return [&executor](std::function<void()> work) { return executor.try_submit(std::move(work)); };
}

} // namespace

Service::Service(ServiceConfig config, Parts parts)
    : config_(std::move(config)),
      parts_(parts),
      store_probe_(parts_.store.generation_probe().value_or(nullptr)),
      search_({"search", config_.cores, kMaxQueuedSearches}),
      storage_({"storage", kStorageThreads, kMaxQueuedStorage}),
      extraction_({"extraction", 1, kMaxQueuedExtractions}),
      bulk_({"bulk", 1, kMaxQueuedBulk}),
      overload_(config_.overload, count_decisions(parts_.metrics), parts_.clock),
      rate_limits_(config_.rate_limits, parts_.redis, parts_.fleet, parts_.clock),
      pipeline_(config_.pipeline,
                {.store = parts_.store,
                 .embeddings = parts_.embeddings,
                 .search = submit_to(search_),
                 .clock = parts_.clock,
                 .redis = parts_.redis,
                 .generator = parts_.generator,
                 .overload = &overload_,
                 .on_stage = [&metrics = parts_.request_metrics](
                                 std::string_view stage,
                                 Duration took) { metrics.observe_stage(stage, took); },
                 .on_degraded = [&metrics = parts_.request_metrics](
                                    int level,
                                    std::string_view reason) { metrics.degraded(level, reason); }}),
      writer_({.store = parts_.store,
               .embeddings = parts_.embeddings,
               .extraction = submit_to(extraction_),
               .bulk = submit_to(bulk_),
               .storage = submit_to(storage_),
               .chunker = config_.chunker,
               .clock = parts_.clock}) {
  const std::string_view generator = parts_.generator ? parts_.generator->name() : "";
  const QueryRouteParts query_parts{.pipeline = pipeline_,
                                    .limits = rate_limits_,
                                    .bulk = submit_to(bulk_),
                                    .clock = parts_.clock,
                                    .top_k = config_.pipeline.retrieval.top_k,
                                    .tier_header = config_.tier_header,
                                    .request_timeout = config_.request_timeout};
  add_query_routes(router_, query_parts);
  add_chat_routes(router_, query_parts, generator);
  add_document_routes(router_, {.writer = writer_,
                                .store = parts_.store,
                                .storage = submit_to(storage_),
                                .bulk = submit_to(bulk_),
                                .clock = parts_.clock,
                                .request_timeout = config_.request_timeout,
                                .write_timeout = config_.write_timeout});
  add_collection_routes(router_, {.store = parts_.store,
                                  .pipeline = pipeline_,
                                  .storage = submit_to(storage_),
                                  .clock = parts_.clock,
                                  .request_timeout = config_.request_timeout});
  add_openai_routes(router_, {.embeddings = parts_.embeddings,
                              .limits = rate_limits_,
                              .generator = generator,
                              .search = submit_to(search_),
                              .bulk = submit_to(bulk_),
                              .clock = parts_.clock,
                              .tier_header = config_.tier_header,
                              .request_timeout = config_.request_timeout});
  add_cache_routes(router_, {.pipeline = pipeline_,
                             .embeddings = parts_.embeddings,
                             .storage = submit_to(storage_),
                             .bulk = submit_to(bulk_),
                             .clock = parts_.clock,
                             .top_k = config_.pipeline.retrieval.top_k,
                             .request_timeout = config_.request_timeout,
                             .warm_timeout = config_.write_timeout});
  add_breaker_routes(router_, parts_.breakers);
  add_degradation_routes(router_, overload_);
  register_metrics();
}

Service::~Service() { stop(); }

void Service::stop() {
  overload_.stop();
  for (auto* executor : {&bulk_, &extraction_, &storage_, &search_}) executor->stop();
}

// By a connection of its own: a probe never waits behind searches for a free one.
Result<> Service::check_store() const {
  if (store_probe_) return store_probe_->check();
  auto generation = parts_.store.generation({});
  if (generation || generation.error().code == ErrorCode::kNotFound) return {};
  return forward_error(generation);
}

// The model itself, past the queue: a probe never waits behind more than the batch in progress.
Result<> Service::check_embedder() const {
  return parts_.model.check(Deadline::after(kCheckTimeout, parts_.clock.now()));
}

// With the executor full it is done in place, in memory: nothing that was removed may be served.
void Service::follow_purge(const cache::PurgeMessage& purge) {
  if (storage_.try_submit([this, purge] { pipeline_.purge_local(purge); })) return;
  pipeline_.purge_memory(purge);
  if (purge.cache != model::EmbeddingCache::kName) return;
  log_warning("vectors that another node removed remain on this one's disk: it is too busy");
}

void Service::forget_cached() {
  const auto forget = [this] { pipeline_.forget_cached(); };
  if (!storage_.try_submit(forget)) forget();
}

void Service::register_metrics() {
  using telemetry::MetricKind;
  auto& metrics = parts_.metrics;
  for (auto* executor : {&search_, &storage_, &extraction_, &bulk_}) {
    const telemetry::Labels labels{{"executor", executor->name()}};
    registrations_.push_back(metrics.callback(
        MetricKind::kGauge, "raglan_queue_depth", "Tasks that wait for an executor.", labels,
        [executor] { return static_cast<double>(executor->queued()); }));
    registrations_.push_back(
        metrics.callback(MetricKind::kCounter, "raglan_queue_rejected_total",
                         "Tasks refused because the executor's queue was full.", labels,
                         [executor] { return static_cast<double>(executor->rejected()); }));
  }
  registrations_.push_back(metrics.callback(
      MetricKind::kCounter, "raglan_queue_rejected_total",
      "Tasks refused because the executor's queue was full.", {{"executor", "refresh"}},
      [this] { return static_cast<double>(pipeline_.refused_refreshes()); }));
  const auto keep = [this](std::vector<telemetry::Registration> made) {
    std::ranges::move(made, std::back_inserter(registrations_));
  };
  const auto stats_of = [](auto& tiers) { return [&tiers] { return tiers.stats(); }; };
  keep(register_cache_metrics(metrics, "query", stats_of(pipeline_.query_cache())));
  keep(register_cache_metrics(metrics, "retrieval", stats_of(pipeline_.retrieval_cache())));
  if (const auto* shared = pipeline_.query_cache().shared()) {
    keep(register_shared_cache_metrics(metrics, "query", *shared));
  }
  if (const auto* shared = pipeline_.retrieval_cache().shared()) {
    keep(register_shared_cache_metrics(metrics, "retrieval", *shared));
  }
  keep(register_overload_metrics(metrics, overload_));
  keep(register_rate_limit_metrics(metrics, rate_limits_));
  keep(register_similar_metrics(metrics, pipeline_.similar_questions()));
  keep(register_embedding_cache_metrics(metrics, parts_.embeddings));
  if (const auto* shared = parts_.embeddings.shared()) {
    keep(register_shared_cache_metrics(metrics, model::EmbeddingCache::kName, *shared));
  }
  registrations_.push_back(metrics.callback(
      MetricKind::kCounter, "raglan_cache_stale_total",
      "Answers served past their time: while they are made anew, or because that failed.",
      {{"cache", "query"}}, [this] { return static_cast<double>(pipeline_.stale_answers()); }));
  const auto coalesced = [&](std::string stage, std::uint64_t (rag::Pipeline::*count)() const) {
    registrations_.push_back(
        metrics.callback(MetricKind::kCounter, "raglan_coalesced_total",
                         "Work that was not done because another request was doing it.",
                         {{"stage", std::move(stage)}},
                         [this, count] { return static_cast<double>((pipeline_.*count)()); }));
  };
  coalesced("answer", &rag::Pipeline::coalesced_answers);
  coalesced("retrieval", &rag::Pipeline::coalesced_searches);
}

} // namespace raglan::node
