// Every setting of the program: which structs stand under which sections, and how they are read
// for one run. The defaults are the structs' own.
//
//   Settings settings;
//   for (const auto& problem : settings.load(sources)) …   // flags, environment, raglan.toml
//
// The file is --config, else ./raglan.toml when there is one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/local_llm.h"
#include "auth/config.h"
#include "auth/rate_limits.h"
#include "balancer/config.h"
#include "base/log.h"
#include "base/result.h"
#include "cache/local_cache.h"
#include "config/registry.h"
#include "http/server.h"
#include "ingest/chunker_config.h"
#include "model/embedding_cache.h"
#include "model/embedding_queue.h"
#include "model/generator_chain.h"
#include "model/local_embedder.h"
#include "model/remote_embedder.h"
#include "model/remote_generator.h"
#include "net/event_loops.h"
#include "node/jobs.h"
#include "node/readiness.h"
#include "node/sessions.h"
#include "policy/freshness.h"
#include "policy/hedge.h"
#include "postgres_store/config.h"
#include "rag/extractive.h"
#include "rag/overload.h"
#include "rag/pipeline.h"
#include "rag/retrieval_config.h"
#include "rag/warmer.h"
#include "redis/config.h"
#include "redis/subscriber.h"
#include "store/embedding_shelf.h"
#include "store/store_config.h"

namespace raglan::app {

// Where a node listens and how long it works on a request.
struct ServingConfig {
  std::string listen = "127.0.0.1:8080";
  std::vector<std::string> hosts;
  std::string tier_header;
  std::chrono::milliseconds request_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds document_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(30);
};
void describe(config::Table<ServingConfig>& table);

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};
void describe(config::Table<LogConfig>& table);

struct StoreLocation {
  config::Secret url;                   // may hold a password; empty: sqlite:raglan.db
  std::vector<config::Secret> replicas; // likewise, of PostgreSQL

  // The embedded store's, in the data folder; empty: the store is PostgreSQL.
  std::string file() const;
};
void describe(config::Table<StoreLocation>& table);

enum class EmbeddingProvider { kLocal, kOpenAi };

struct EmbeddingModel {
  EmbeddingProvider provider = EmbeddingProvider::kLocal;
  std::string model = "all-MiniLM-L6-v2"; // local: a name (model_path.h) or the path of a folder
};
void describe(config::Table<EmbeddingModel>& table);

enum class GenerationProvider { kExtractive, kOpenAi, kLocal };

struct GenerationModel {
  GenerationProvider provider = GenerationProvider::kExtractive;
  model::ChainOrder order = model::ChainOrder::kAsGiven; // of the model and its fallbacks
};
void describe(config::Table<GenerationModel>& table);

// Of a command line.
struct SettingSources {
  std::filesystem::path config_file; // empty: ./raglan.toml if it is there
  std::vector<config::Override> overrides;
};

class Settings {
 public:
  Settings();
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // All problems at once, one line each; the settings must not be used then.
  std::vector<std::string> load(const SettingSources& sources);

  const config::Registry& registry() const { return registry_; }

  ServingConfig serving;
  net::EventLoopsConfig loops;
  http::ServerConfig server;
  LogConfig log;
  StoreLocation store_location;
  store::StoreConfig store;
  postgres_store::Config postgres;
  EmbeddingModel embedding;
  model::LocalEmbedderConfig embedder;
  model::EmbeddingQueueConfig embedding_queue;
  model::RemoteEmbedderConfig remote_embedder;
  model::ProviderPolicies embedder_policies;
  ingest::ChunkerConfig chunker;
  rag::RetrievalConfig retrieval;
  GenerationModel generation;
  model::RemoteGeneratorConfig generator;
  model::ProviderPolicies generator_policies;
  policy::HedgeConfig hedge;
  std::vector<model::RemoteGeneratorConfig> fallbacks;
  LocalLlmConfig local_llm;
  rag::PromptConfig prompt;
  rag::ExtractiveConfig extractive;
  rag::FollowUpConfig follow_ups;
  node::SessionsConfig sessions;
  node::JobsConfig jobs;
  auth::AuthConfig auth;
  redis::ClientConfig redis;
  redis::SubscriberConfig redis_subscriber;
  node::ReadinessConfig readiness;
  cache::LocalCacheConfig query_cache;
  policy::FreshnessConfig freshness;
  rag::OverloadConfig overload;
  auth::RateLimitsConfig rate_limits;
  rag::SimilarQuestionsConfig similar_questions;
  rag::WarmupConfig warmup;
  cache::LocalCacheConfig retrieval_cache = rag::PipelineConfig().retrieval_cache;
  cache::LocalCacheConfig embedding_cache{.ttl = std::chrono::milliseconds(0)};
  store::EmbeddingShelfConfig embedding_shelf;
  model::SharedVectorsConfig shared_vectors;
  balancer::BalancerConfig balancer;
  balancer::HealthConfig health; // of the balancer's nodes
  std::vector<balancer::UpstreamConfig> upstreams;
  std::vector<balancer::RouteConfig> routes;

 private:
  // Settings that contradict those of another section.
  std::vector<std::string> contradictions() const;

  config::Registry registry_;
};

} // namespace raglan::app
