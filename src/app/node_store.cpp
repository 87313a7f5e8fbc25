#include "app/node_store.h"

#include <algorithm>
#include <iterator>

#include "app/pool_metrics.h"
#include "app/postgres_metrics.h"
#include "base/log.h"
#include "net/detach.h"
#include "net/resolver.h"
#include "node/cache_metrics.h"
#include "postgres_store/postgres_store.h"
#include "runtime/executor.h"
#include "store/embedded_store.h"
#include "store/offloaded_store.h"

namespace raglan::app {
namespace {

constexpr std::string_view kStatementsMetric = "raglan_store_statements_total";
constexpr std::string_view kStatementsHelp = "SQL statements executed.";
constexpr std::size_t kMaxCancellations = 256; // of statements, that wait to be told
constexpr std::chrono::seconds kOpenTimeout{60};
constexpr std::chrono::seconds kExamineTimeout{10};
constexpr const char* kPrimary = "postgres"; // among upstreams and pools

bool reads_only(std::string_view sql) {
  return sql.starts_with("SELECT") || sql.starts_with("BEGIN") || sql.starts_with("COMMIT");
}

class EmbeddedNodeStore final : public NodeStore {
 public:
  static Result<std::unique_ptr<NodeStore>> open(const Settings& settings,
                                                 const std::filesystem::path& path,
                                                 store::EmbeddingSpace space, const Parts& parts) {
    auto opened = store::EmbeddedStore::open(path, std::move(space), settings.store, parts.clock);
    if (!opened) return forward_error(opened);
    return std::unique_ptr<NodeStore>(new EmbeddedNodeStore(std::move(*opened), parts));
  }

  store::Store& store() override { return offloaded_; }
  Result<> load_indexes(const Progress& progress) override {
    return embedded_->load_indexes([&](store::LoadProgress chunks) {
      if (progress) progress(chunks.chunks_loaded, chunks.chunks_total);
    });
  }
  void stop() override {
    registrations_.clear();
    embedded_->close();
  }

 private:
  EmbeddedNodeStore(std::unique_ptr<store::EmbeddedStore> embedded, const Parts& parts)
      : embedded_(std::move(embedded)),
        offloaded_({.store = *embedded_,
                    .search = parts.executors.search(),
                    .storage = parts.executors.storage(),
                    .clock = parts.clock}) {
    using telemetry::MetricKind;
    auto& metrics = parts.instruments.metrics;
    for (const bool reads : {true, false}) {
      registrations_.push_back(
          metrics.callback(MetricKind::kCounter, kStatementsMetric, kStatementsHelp,
                           {{"kind", reads ? "read" : "write"}}, [this, reads] {
                             const store::StatementCounts& counts = embedded_->statements();
                             return static_cast<double>(reads ? counts.reads : counts.writes);
                           }));
    }
    registrations_.push_back(
        metrics.callback(MetricKind::kGauge, "raglan_queue_depth",
                         "Tasks that wait for an executor.", {{"executor", "store"}},
                         [this] { return static_cast<double>(embedded_->write_queue_depth()); }));
  }

  std::unique_ptr<store::EmbeddedStore> embedded_;
  store::OffloadedStore offloaded_;
};

class PostgresNodeStore final : public NodeStore {
 public:
  static Result<std::unique_ptr<NodeStore>> open(const Settings& settings,
                                                 store::EmbeddingSpace space, const Parts& parts) {
    std::unique_ptr<PostgresNodeStore> opened(new PostgresNodeStore(parts));
    auto primary = opened->upstream(settings.store_location.url, kPrimary, parts);
    if (!primary) return forward_error(primary);
    const std::string name = postgres::name_of(primary->target.parameters);
    std::vector<postgres_store::Replicas::Given> replicas;
    for (const config::Secret& url : settings.store_location.replicas) {
      auto replica = opened->upstream(url, replica_name(replicas.size()), parts);
      if (!replica) return forward_error(replica);
      const std::string server = postgres::name_of(replica->target.parameters);
      replica->on_connections = [server, &pool = settings.postgres.client.pool,
                                 nodes = parts.nodes](std::size_t most) {
        warn_of_too_many(pool, nodes, server, most);
      };
      replicas.push_back(std::move(*replica));
    }
    net::EventLoops& loops = parts.loops;
    auto store = net::run_on(
        loops.next(),
        postgres_store::PostgresStore::open(
            std::move(space), settings.postgres, std::move(primary->target),
            {.search = parts.executors.search(),
             .storage = parts.executors.storage(),
             .max_metadata_bytes = settings.store.max_metadata_bytes,
             .loop = loops.next(),
             .replicas = std::move(replicas),
             .on_write = parts.on_write},
            std::move(primary->observers), Deadline::after(kOpenTimeout, parts.clock.now())));
    if (!store) {
      store.error().message = fmt::format("{}: {}", name, store.error().message);
      return forward_error(store);
    }
    opened->store_ = std::move(*store);
    opened->observe(parts);
    auto most = net::run_on(loops.next(), opened->store_->max_connections(
                                              Deadline::after(kOpenTimeout, parts.clock.now())));
    // It has just answered; that it does not any more is no reason to fail.
    if (most) warn_of_too_many(settings.postgres.client.pool, parts.nodes, name, *most);
    return opened;
  }

  store::Store& store() override { return *store_; }
  void begin_upkeep() override { store_->begin_upkeep(); }
  void forget_generation(const store::CollectionKey& key) override {
    store_->forget_generation(key);
  }
  void forget_generations() override { store_->forget_generations(); }
  std::vector<Replica> replicas(bool look) override {
    if (look) {
      const Deadline deadline = Deadline::after(kExamineTimeout, clock_.now());
      net::run_on(loops_.next(), store_->examine_replicas(deadline));
    }
    const postgres_store::Replicas& all = store_->replicas();
    std::vector<Replica> replicas;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto status = all.status(i);
      std::string state(policy::replica_state_name(status.state));
      if (status.behind) {
        const double seconds = std::chrono::duration<double>(*status.behind).count();
        state += fmt::format(", {:.1f} s behind", seconds);
      }
      if (!status.error.empty()) state += ": " + status.error;
      replicas.push_back(
          {status.server, status.state == policy::ReplicaState::kServing, std::move(state)});
    }
    return replicas;
  }
  void stop() override {
    registrations_.clear();
    breakers_.clear();
    if (store_) store_->stop();
    resolver_.stop();
    cancellations_.stop();
  }

 private:
  using Given = postgres_store::Replicas::Given;

  explicit PostgresNodeStore(const Parts& parts) : loops_(parts.loops), clock_(parts.clock) {}

  // A server's, with metrics under its name.
  Result<Given> upstream(const config::Secret& url, const std::string& name, const Parts& parts) {
    auto parameters = postgres::parse_url(url.reveal());
    if (!parameters) return forward_error(parameters);
    auto cancel = [&executor = cancellations_](std::function<void()> work) {
      (void)executor.try_submit(std::move(work)); // the server works on in vain
    };
    auto& metrics = parts.instruments.metrics;
    auto& statements = metrics.counters(kStatementsMetric, kStatementsHelp, {"kind"});
    auto& reads = statements.with("read");
    auto& writes = statements.with("write");
    auto& waits = pool_wait_histogram(metrics, name);
    postgres::Client::Observers observers{
        .on_wait = [&waits](Duration waited) { waits.observe(waited); },
        .on_statement =
            [&reads, &writes](std::string_view sql) { (reads_only(sql) ? reads : writes).add(); }};
    return Given{
        {std::move(*parameters), resolver_, parts.clock, cancel}, std::move(observers), {}};
  }

  void observe(const Parts& parts) {
    const auto add = [&](const std::string& name, const postgres::Client& client) {
      auto made = register_postgres_metrics(parts.instruments.metrics, name, client);
      std::ranges::move(made, std::back_inserter(registrations_));
      breakers_.push_back(
          parts.instruments.breakers.add(name, [&client] { return client.breaker_status(); }));
    };
    add(kPrimary, store_->client());
    const postgres_store::PostingsCache& postings = store_->postings();
    auto kept = node::register_cache_metrics(parts.instruments.metrics, "postings",
                                             [&postings] { return postings.stats(); });
    std::ranges::move(kept, std::back_inserter(registrations_));
    const postgres_store::Replicas& replicas = store_->replicas();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      add(replica_name(i), replicas.client(i));
      auto made =
          register_replica_metrics(parts.instruments.metrics, std::to_string(i + 1), replicas, i);
      std::ranges::move(made, std::back_inserter(registrations_));
    }
  }

  static std::string replica_name(std::size_t replica) {
    return fmt::format("{} replica {}", kPrimary, replica + 1);
  }

  // Found out when they are needed most, else.
  static void warn_of_too_many(const policy::ConnectionPoolConfig& pool,
                               const std::function<std::size_t()>& count_nodes,
                               const std::string& server, std::size_t most) {
    const std::size_t nodes = count_nodes ? count_nodes() : 1;
    // And one for /ready, or for the watch over a replica.
    const std::size_t wanted = nodes * (pool.pool_size + pool.max_overflow + 1);
    if (wanted <= most) return;
    log_warning(
        "nodes times (pool_size + max_overflow) is more than the database allows",
        {{"server", server}, {"nodes", nodes}, {"wanted", wanted}, {"max_connections", most}});
  }

  net::EventLoops& loops_;
  const Clock& clock_;
  net::Resolver resolver_;
  runtime::Executor cancellations_{
      {.name = "pg_cancel", .threads = 1, .max_queued = kMaxCancellations}};
  std::unique_ptr<postgres_store::PostgresStore> store_;
  std::vector<node::BreakerBoard::Place> breakers_;
};

} // namespace

std::optional<std::filesystem::path> store_path(const Settings& settings,
                                                const std::filesystem::path& data_folder) {
  const std::string file = settings.store_location.file();
  return file.empty() ? std::nullopt : std::optional(data_folder / file);
}

Result<std::unique_ptr<NodeStore>> NodeStore::open(const Settings& settings,
                                                   const std::filesystem::path& data_folder,
                                                   store::EmbeddingSpace space,
                                                   const Parts& parts) {
  const auto path = store_path(settings, data_folder);
  if (!path) return PostgresNodeStore::open(settings, std::move(space), parts);
  return EmbeddedNodeStore::open(settings, *path, std::move(space), parts);
}

} // namespace raglan::app
