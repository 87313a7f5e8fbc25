#include "app/engine.h"

#include <algorithm>
#include <array>

#include "app/embedder.h"

namespace raglan::app {
namespace {

constexpr std::array<double, 12> kBatchBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};
constexpr std::size_t kQueuedBatches = 16;

// A model on this machine takes its time.
Duration request_timeout(const Settings& settings) {
  constexpr std::chrono::seconds kForTheRest{10};
  const Duration configured = settings.serving.request_timeout;
  if (settings.generation.provider != GenerationProvider::kLocal) return configured;
  return std::max<Duration>(configured, settings.local_llm.timeout + kForTheRest);
}

// An answer of a small model on two cores, beside another one.
constexpr std::chrono::seconds kUsualLocalAnswer{20};

// Equals share the calls. In order the first is asked for nearly all of them; while a smaller one
// stands in, calls wait for its connections.
std::size_t generator_connections(const Settings& settings) {
  std::size_t connections = settings.generator.max_connections;
  if (settings.generation.order != model::ChainOrder::kByWeight) return connections;
  for (const auto& equal : settings.fallbacks) connections += equal.max_connections;
  return connections;
}

// No more calls of the language model than there are connections for. A model on this machine
// answers so many at a time, whatever it is asked for, and is worth waiting for as long as it
// takes.
rag::OverloadConfig overload_config(const Settings& settings) {
  rag::OverloadConfig config = settings.overload;
  policy::ConcurrencyLimitConfig& limit = config.limit;
  const bool local = settings.generation.provider == GenerationProvider::kLocal;
  limit.max_limit =
      std::min(limit.max_limit, local ? settings.local_llm.slots : generator_connections(settings));
  if (local) {
    config.usual_generation = kUsualLocalAnswer;
    config.admission.max_wait = std::max(config.admission.max_wait, settings.local_llm.timeout);
    config.generation_interval = settings.local_llm.timeout; // nobody is dropped before
    limit.window_min_samples = 1;
  }
  limit.initial_limit = std::min(limit.initial_limit, limit.max_limit);
  limit.min_limit = std::min(limit.min_limit, limit.max_limit);
  return config;
}

// As a language model's tokenizer may count what the embedder's has cut.
std::size_t passage_tokens(const ingest::ChunkerConfig& chunker) {
  return static_cast<std::size_t>(static_cast<double>(chunker.chunk_tokens) * rag::kTokenMargin);
}

node::ServiceConfig service_config(const Settings& settings) {
  return {.request_timeout = request_timeout(settings),
          .write_timeout = settings.serving.document_timeout,
          .tier_header = settings.serving.tier_header,
          .overload = overload_config(settings),
          .rate_limits = settings.rate_limits,
          .pipeline = {.retrieval = settings.retrieval,
                       .extractive = settings.extractive,
                       .prompt = settings.prompt,
                       .follow_ups = settings.follow_ups,
                       .query_cache = settings.query_cache,
                       .freshness = settings.freshness,
                       .hot_queries = settings.warmup.refresh ? settings.warmup.hot_queries : 0,
                       .retrieval_cache = settings.retrieval_cache,
                       .similar_questions = settings.similar_questions,
                       .passage_tokens = passage_tokens(settings.chunker)},
          .sessions = settings.sessions,
          .jobs = settings.jobs,
          .chunker = settings.chunker};
}

// A provider's batch alone may be half of what otherwise waits.
model::EmbeddingQueueConfig queue_config(model::EmbeddingQueueConfig config,
                                         const model::BatchLimits& limits) {
  config.max_queued_texts = std::max(config.max_queued_texts, kQueuedBatches * limits.texts);
  config.max_queued_tokens = std::max(config.max_queued_tokens, kQueuedBatches * limits.tokens);
  return config;
}

// Beside the embedded store's file; else in the data folder.
std::filesystem::path shelf_folder(const Settings& settings,
                                   const std::filesystem::path& data_folder) {
  const auto file = store_path(settings, data_folder);
  if (file) return file->parent_path();
  std::error_code ignored; // the shelf says what is wrong with the folder
  std::filesystem::create_directories(data_folder, ignored);
  return data_folder;
}

} // namespace

Result<std::unique_ptr<Engine>> Engine::load(const Settings& settings,
                                             const std::filesystem::path& data_folder,
                                             Instruments& instruments,
                                             node::RequestMetrics& request_metrics,
                                             net::EventLoops& loops, const Clock& clock,
                                             Upstreams upstreams, const Progress& progress) {
  if (progress) progress("model", 0, 0);
  auto loaded_embedder = load_embedder(settings, data_folder, &instruments, upstreams.fleet, clock);
  if (!loaded_embedder) return forward_error(loaded_embedder);

  std::unique_ptr<Engine> engine(new Engine);
  engine->embedder_ = std::move(loaded_embedder->embedder);
  engine->embedder_breaker_ = std::move(loaded_embedder->breaker);
  engine->embedder_quota_ = std::move(loaded_embedder->quota);
  NodeStore::Parts parts{.executors = engine->executors_,
                         .loops = loops,
                         .instruments = instruments,
                         .nodes = {},
                         .clock = clock};
  if (const redis::Fleet* fleet = upstreams.fleet) {
    parts.nodes = [fleet] { return fleet->size(); };
  }
  if (redis::Client* redis = upstreams.redis) {
    engine->announcer_.emplace(*redis, loops, clock);
    parts.on_write = [&announcer = *engine->announcer_](const store::CollectionKey& key) {
      announcer.announce(key);
    };
  }
  auto store = NodeStore::open(
      settings, data_folder, {std::string(engine->embedder_->id()), engine->embedder_->dimension()},
      parts);
  if (!store) return forward_error(store);
  auto indexes = (*store)->load_indexes([&](std::uint64_t done, std::uint64_t total) {
    if (progress) progress("index", done, total);
  });
  if (!indexes) return forward_error(indexes);
  engine->store_ = std::move(*store);

  telemetry::MetricRegistry& metrics = instruments.metrics;
  engine->observe_batches(metrics, settings, clock);
  engine->shelf_ = StoredShelf::open(settings, shelf_folder(settings, data_folder),
                                     engine->embedder_->id(), clock);
  engine->embeddings_ = std::make_unique<model::EmbeddingCache>(
      *engine->queue_, settings.embedding_cache,
      model::EmbeddingCache::Tiers{.shelf = engine->shelf_.get(),
                                   .redis = upstreams.redis,
                                   .shared = settings.shared_vectors},
      clock);
  engine->register_metrics(metrics);
  engine->service_ = std::make_unique<node::Service>(
      service_config(settings), node::Service::Parts{.store = engine->store_->store(),
                                                     .executors = engine->executors_,
                                                     .embeddings = *engine->embeddings_,
                                                     .model = *engine->embedder_,
                                                     .metrics = metrics,
                                                     .request_metrics = request_metrics,
                                                     .breakers = instruments.breakers,
                                                     .clock = clock,
                                                     .redis = upstreams.redis,
                                                     .fleet = upstreams.fleet,
                                                     .generator = upstreams.generator});
  return engine;
}

Engine::~Engine() { stop(); }

Result<> Engine::check_replicas() const {
  for (const NodeStore::Replica& replica : store_->replicas(false)) {
    if (!replica.in_rotation) return fail(ErrorCode::kUnavailable, "a read replica is not read");
  }
  return {};
}

void Engine::stop() {
  registrations_.clear();
  if (service_) service_->stop();
  if (embeddings_) embeddings_->stop();
  if (queue_) queue_->stop();
  if (shelf_) shelf_->close();
  if (store_) store_->stop();
}

void Engine::observe_batches(telemetry::MetricRegistry& metrics, const Settings& settings,
                             const Clock& clock) {
  auto& calls = metrics.counter("raglan_embedding_calls_total", "Calls of the embedding model.");
  auto& tokens = metrics.counter("raglan_embedding_tokens_total", "Tokens that were embedded.");
  auto& sizes = metrics.histogram("raglan_embedding_batch_size", "Texts of one call of the model.",
                                  kBatchBounds);
  auto& waits = metrics.histograms("raglan_embedding_wait_seconds",
                                   "The longest wait among the texts of one call.", {"priority"});
  auto observe = [&](const model::EmbeddingBatch& batch) {
    calls.add();
    tokens.add(batch.tokens);
    sizes.observe(static_cast<double>(batch.texts));
    const bool query = batch.priority == model::EmbeddingPriority::kQuery;
    waits.with(query ? "query" : "ingest").observe(batch.waited);
  };
  queue_ = std::make_unique<model::EmbeddingQueue>(
      *embedder_, queue_config(settings.embedding_queue, embedder_->batch_limits()),
      std::move(observe), clock);
}

void Engine::register_metrics(telemetry::MetricRegistry& metrics) {
  using telemetry::MetricKind;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, std::function<double()> read) {
    registrations_.push_back(
        metrics.callback(kind, name, help, std::move(labels), std::move(read)));
  };
  add(MetricKind::kGauge, "raglan_queue_depth", "Tasks that wait for an executor.",
      {{"executor", "inference"}},
      [this] { return static_cast<double>(queue_->stats().queued_texts); });
  add(MetricKind::kCounter, "raglan_queue_rejected_total",
      "Tasks refused because the executor's queue was full.", {{"executor", "inference"}},
      [this] { return static_cast<double>(queue_->stats().rejected); });
  if (!shelf_) return;
  const auto add_shelf = [&](MetricKind kind, std::string_view name, std::string_view help,
                             std::uint64_t store::EmbeddingShelfStats::* member) {
    add(kind, name, help, {{"cache", "embedding"}},
        [this, member] { return static_cast<double>(shelf_->stats().*member); });
  };
  using Stats = store::EmbeddingShelfStats;
  add_shelf(MetricKind::kGauge, "raglan_cache_disk_bytes", "The file of a cache on disk.",
            &Stats::file_bytes);
  add_shelf(MetricKind::kCounter, "raglan_cache_disk_evictions_total",
            "Entries on disk that made room for others.", &Stats::evicted);
  add_shelf(MetricKind::kCounter, "raglan_cache_disk_dropped_total",
            "Entries that were not written: more than the disk kept up with, or it failed.",
            &Stats::dropped);
  add_shelf(MetricKind::kCounter, "raglan_cache_disk_statements_total",
            "SQL statements executed on the file of a cache.", &Stats::statements);
  add_shelf(MetricKind::kCounter, "raglan_cache_disk_failures_total",
            "Reads and writes of a cache on disk that failed.", &Stats::failures);
}

} // namespace raglan::app
