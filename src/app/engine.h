// A loaded node without a socket: model, store, embedding queue and cache, and the service over
// them, made and ended in the right order. `raglan serve` puts a server in front of it; `raglan
// ask` and `raglan ingest` without --url call it in their own process.
//
// Loading takes seconds and blocks. Thread safety: that of the parts; `stop` and the destructor
// belong to one thread. Call `stop` when no request is under way and before event loops that
// requests ran on are destroyed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/instruments.h"
#include "app/node_store.h"
#include "app/settings.h"
#include "app/stored_shelf.h"
#include "node/executors.h"
#include "node/service.h"
#include "node/write_news.h"
#include "telemetry/resource_usage.h"

namespace raglan::app {

class Engine {
 public:
  // Told what is being loaded: "model", then "index" with chunks so far and in all.
  using Progress =
      std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)>;

  // What is asked over the network; each may be null.
  struct Upstreams {
    redis::Client* redis = nullptr;
    const redis::Fleet* fleet = nullptr; // with Redis
    model::Generator* generator = nullptr;
  };

  // Errors name what is wrong with which file or database; see load_embedder and NodeStore::open.
  // The loops must have been started. Everything given must outlive the engine's use: the upstreams
  // until `stop` has returned and the loops stand still.
  static Result<std::unique_ptr<Engine>> load(const Settings& settings,
                                              const std::filesystem::path& data_folder,
                                              Instruments& instruments,
                                              node::RequestMetrics& request_metrics,
                                              net::EventLoops& loops, const Clock& clock,
                                              Upstreams upstreams, const Progress& progress = {});
  ~Engine();

  node::Service& service() { return *service_; }
  rag::Pipeline& pipeline() { return service_->pipeline(); }
  // As NodeStore::begin_upkeep.
  void begin_upkeep() { store_->begin_upkeep(); }
  // As those of NodeStore.
  void forget_generation(const store::CollectionKey& key) { store_->forget_generation(key); }
  void forget_generations() { store_->forget_generations(); }
  // Whether all read replicas of the store are in rotation.
  Result<> check_replicas() const;
  void stop();

 private:
  Engine() = default;
  void observe_batches(telemetry::MetricRegistry& metrics, const Settings& settings,
                       const Clock& clock);
  void register_metrics(telemetry::MetricRegistry& metrics);

  // In the order in which each needs those before it.
  std::unique_ptr<model::Embedder> embedder_;
  node::BreakerBoard::Place embedder_breaker_;
  std::vector<telemetry::Registration> embedder_quota_;
  node::Executors executors_{
      static_cast<std::size_t>(telemetry::ResourceReader().available_cores())};
  std::optional<node::WriteAnnouncer> announcer_; // with Redis
  std::unique_ptr<NodeStore> store_;
  std::unique_ptr<model::EmbeddingQueue> queue_;
  std::unique_ptr<StoredShelf> shelf_; // may be null
  std::unique_ptr<model::EmbeddingCache> embeddings_;
  std::unique_ptr<node::Service> service_;
  std::vector<telemetry::Registration> registrations_;
};

} // namespace raglan::app
