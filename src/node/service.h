// What a loaded node offers under /v1: the routes, and the pipeline behind them.
//
//   Service service(config, {store, executors, embeddings, model, …});
//   auto handler = service.handler();     // routes /v1/…; everything else is 404
//
// Thread safety: the handler may be called from any event loop. Call `stop` when no request is
// under way, before the event loops are destroyed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/api_keys.h"
#include "auth/rate_limits.h"
#include "base/clock.h"
#include "http/router.h"
#include "ingest/chunker_config.h"
#include "model/embedding_cache.h"
#include "node/breaker_board.h"
#include "node/document_writer.h"
#include "node/executors.h"
#include "node/job_runner.h"
#include "node/request_metrics.h"
#include "node/sessions.h"
#include "rag/overload.h"
#include "rag/pipeline.h"
#include "store/store.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

struct ServiceConfig {
  Duration request_timeout;
  Duration write_timeout;  // of documents: embedding a large request takes its time
  std::string tier_header; // empty: nobody names a question's tier
  rag::OverloadConfig overload;
  auth::RateLimitsConfig rate_limits;
  rag::PipelineConfig pipeline;
  SessionsConfig sessions;
  JobsConfig jobs;
  ingest::ChunkerConfig chunker;
};

class Service {
 public:
  // All must outlive the service.
  struct Parts {
    store::Store& store;
    Executors& executors; // which it stops
    model::EmbeddingCache& embeddings;
    model::Embedder& model; // the one behind them
    telemetry::MetricRegistry& metrics;
    RequestMetrics& request_metrics;
    const BreakerBoard& breakers;
    const Clock& clock;
    redis::Client* redis = nullptr;        // where nodes share one
    const redis::Fleet* fleet = nullptr;   // with that
    model::Generator* generator = nullptr; // null: answers are made of the passages' sentences
  };

  Service(ServiceConfig config, Parts parts);
  ~Service(); // stops

  http::Handler handler() const { return router_.handler(); }
  // For work on an event loop that no request asked for: keeping its caches warm.
  rag::Pipeline& pipeline() { return pipeline_; }
  auth::ApiKeys& api_keys() { return api_keys_; }
  JobRunner& job_runner() { return job_runner_; }

  // What another node has removed from its caches and from Redis; and that such a message may have
  // been missed.
  void follow_purge(const cache::PurgeMessage& purge);
  void forget_cached();

  // Blocking: whether each dependency answers a trivial request, for /ready. By one thread at a
  // time.
  Result<> check_store() const;
  Result<> check_embedder() const;

  // Drops queued work and joins the executors. Idempotent.
  void stop();

 private:
  void register_metrics();

  const ServiceConfig config_;
  const Parts parts_;
  rag::Overload overload_;
  auth::ApiKeys api_keys_;
  auth::RateLimits rate_limits_;
  Sessions sessions_;
  rag::Pipeline pipeline_;
  DocumentWriter writer_;
  Jobs jobs_;
  JobRunner job_runner_;
  http::Router router_;
  std::vector<telemetry::Registration> registrations_;
};

} // namespace raglan::node
