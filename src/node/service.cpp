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
#include "node/job_routes.h"
#include "node/key_routes.h"
#include "node/openai_routes.h"
#include "node/overload_metrics.h"
#include "node/query_routes.h"
#include "node/rate_limit_metrics.h"
#include "node/session_routes.h"

namespace raglan::node {
namespace {

// A readiness probe must be answered, with whatever answer.
constexpr std::chrono::seconds kCheckTimeout{2};

} // namespace

Service::Service(ServiceConfig config, Parts parts)
    : config_(std::move(config)),
      parts_(parts),
      overload_(config_.overload, count_decisions(parts_.metrics), parts_.clock),
      api_keys_(parts_.store.records(), parts_.clock),
      rate_limits_(config_.rate_limits, parts_.redis, parts_.fleet, parts_.clock),
      sessions_(config_.sessions, parts_.store.records(), parts_.clock),
      pipeline_(config_.pipeline,
                {.store = parts_.store,
                 .embeddings = parts_.embeddings,
                 .search = parts_.executors.search(),
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
               .extraction = parts_.executors.extraction(),
               .bulk = parts_.executors.bulk(),
               .chunker = config_.chunker,
               .clock = parts_.clock}),
      jobs_(config_.jobs, parts_.store.records(), parts_.clock),
      job_runner_(config_.jobs, {.jobs = jobs_,
                                 .writer = writer_,
                                 .bulk = parts_.executors.bulk(),
                                 .clock = parts_.clock}) {
  const std::string_view generator = parts_.generator ? parts_.generator->name() : "";
  const QueryRouteParts query_parts{.pipeline = pipeline_,
                                    .limits = rate_limits_,
                                    .sessions = sessions_,
                                    .bulk = parts_.executors.bulk(),
                                    .clock = parts_.clock,
                                    .top_k = config_.pipeline.retrieval.top_k,
                                    .tier_header = config_.tier_header,
                                    .request_timeout = config_.request_timeout};
  add_query_routes(router_, query_parts);
  add_chat_routes(router_, query_parts, generator);
  add_session_routes(router_, {.sessions = sessions_,
                               .limits = rate_limits_,
                               .tier_header = config_.tier_header,
                               .request_timeout = config_.request_timeout});
  add_document_routes(router_, {.writer = writer_,
                                .store = parts_.store,
                                .jobs = jobs_,
                                .runner = job_runner_,
                                .bulk = parts_.executors.bulk(),
                                .clock = parts_.clock,
                                .request_timeout = config_.request_timeout,
                                .write_timeout = config_.write_timeout});
  add_job_routes(router_, {.jobs = jobs_,
                           .bulk = parts_.executors.bulk(),
                           .clock = parts_.clock,
                           .request_timeout = config_.request_timeout});
  add_collection_routes(router_, {.store = parts_.store,
                                  .pipeline = pipeline_,
                                  .storage = parts_.executors.storage(),
                                  .clock = parts_.clock,
                                  .request_timeout = config_.request_timeout});
  add_openai_routes(router_, {.embeddings = parts_.embeddings,
                              .limits = rate_limits_,
                              .generator = generator,
                              .search = parts_.executors.search(),
                              .bulk = parts_.executors.bulk(),
                              .clock = parts_.clock,
                              .tier_header = config_.tier_header,
                              .request_timeout = config_.request_timeout});
  add_cache_routes(router_, {.pipeline = pipeline_,
                             .embeddings = parts_.embeddings,
                             .storage = parts_.executors.storage(),
                             .bulk = parts_.executors.bulk(),
                             .clock = parts_.clock,
                             .top_k = config_.pipeline.retrieval.top_k,
                             .request_timeout = config_.request_timeout,
                             .warm_timeout = config_.write_timeout});
  add_key_routes(
      router_,
      {.keys = api_keys_, .clock = parts_.clock, .request_timeout = config_.request_timeout});
  add_breaker_routes(router_, parts_.breakers);
  add_degradation_routes(router_, overload_);
  register_metrics();
}

Service::~Service() { stop(); }

void Service::stop() {
  overload_.stop();
  parts_.executors.stop();
}

Result<> Service::check_store() const { return parts_.store.check(); }

// The model itself, past the queue: a probe never waits behind more than the batch in progress.
Result<> Service::check_embedder() const {
  return parts_.model.check(Deadline::after(kCheckTimeout, parts_.clock.now()));
}

// With the executor full it is done in place, in memory: nothing that was removed may be served.
void Service::follow_purge(const cache::PurgeMessage& purge) {
  if (parts_.executors.storage()([this, purge] { pipeline_.purge_local(purge); })) return;
  pipeline_.purge_memory(purge);
  if (purge.cache != model::EmbeddingCache::kName) return;
  log_warning("vectors that another node removed remain on this one's disk: it is too busy");
}

void Service::forget_cached() {
  const auto forget = [this] { pipeline_.forget_cached(); };
  if (!parts_.executors.storage()(forget)) forget();
}

void Service::register_metrics() {
  using telemetry::MetricKind;
  auto& metrics = parts_.metrics;
  const auto keep = [this](std::vector<telemetry::Registration> made) {
    std::ranges::move(made, std::back_inserter(registrations_));
  };
  keep(parts_.executors.register_metrics(metrics));
  registrations_.push_back(metrics.callback(
      MetricKind::kCounter, "raglan_queue_rejected_total",
      "Tasks refused because the executor's queue was full.", {{"executor", "refresh"}},
      [this] { return static_cast<double>(pipeline_.refused_refreshes()); }));
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
  registrations_.push_back(
      metrics.callback(MetricKind::kCounter, "raglan_session_turns_lost_total",
                       "Answers that could not be added to their conversation.", {},
                       [this] { return static_cast<double>(sessions_.lost_turns()); }));
  const auto of_jobs = [&](MetricKind kind, std::string name, std::string help, auto value) {
    registrations_.push_back(
        metrics.callback(kind, std::move(name), std::move(help), {},
                         [this, value] { return static_cast<double>(value(job_runner_)); }));
  };
  of_jobs(MetricKind::kGauge, "raglan_jobs_queued", "Unfinished jobs of all nodes.",
          [](const JobRunner& runner) { return runner.queued(); });
  of_jobs(MetricKind::kGauge, "raglan_jobs_running", "Jobs that this node works on.",
          [](const JobRunner& runner) { return runner.running(); });
  of_jobs(MetricKind::kCounter, "raglan_jobs_finished_total", "Jobs that this node has finished.",
          [](const JobRunner& runner) { return runner.stats().finished; });
  of_jobs(MetricKind::kCounter, "raglan_jobs_resumed_total",
          "Jobs that this node has taken over from one that was silent.",
          [](const JobRunner& runner) { return runner.stats().resumed; });
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
