#include "app/node_store.h"

#include "app/pool_metrics.h"
#include "app/postgres_metrics.h"
#include "base/log.h"
#include "net/detach.h"
#include "net/resolver.h"
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

bool reads_only(std::string_view sql) {
  return sql.starts_with("SELECT") || sql.starts_with("BEGIN") || sql.starts_with("COMMIT");
}

class EmbeddedNodeStore final : public NodeStore {
 public:
  static Result<std::unique_ptr<NodeStore>> open(const Settings& settings,
                                                 const std::filesystem::path& path,
                                                 store::EmbeddingSpace space, const Parts& parts,
                                                 const Progress& progress) {
    auto opened = store::EmbeddedStore::open(path, std::move(space), settings.store, parts.clock);
    if (!opened) return forward_error(opened);
    auto loaded = (*opened)->load_indexes([&](store::LoadProgress chunks) {
      if (progress) progress(chunks.chunks_loaded, chunks.chunks_total);
    });
    if (!loaded) return forward_error(loaded);
    return std::unique_ptr<NodeStore>(new EmbeddedNodeStore(std::move(*opened), parts));
  }

  store::Store& store() override { return offloaded_; }
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
    std::unique_ptr<PostgresNodeStore> opened(new PostgresNodeStore);
    auto parameters = postgres::parse_url(settings.store_location.url.reveal());
    if (!parameters) return forward_error(parameters);
    auto cancel = [&executor = opened->cancellations_](std::function<void()> work) {
      (void)executor.try_submit(std::move(work)); // the server works on in vain
    };
    const std::string name = postgres::name_of(*parameters);
    postgres::Target target{std::move(*parameters), opened->resolver_, parts.clock, cancel};
    auto& metrics = parts.instruments.metrics;
    auto& statements = metrics.counters(kStatementsMetric, kStatementsHelp, {"kind"});
    auto& reads = statements.with("read");
    auto& writes = statements.with("write");
    auto& waits = pool_wait_histogram(metrics, "postgres");
    postgres::Client::Observers observers{
        .on_wait = [&waits](Duration waited) { waits.observe(waited); },
        .on_statement =
            [&reads, &writes](std::string_view sql) { (reads_only(sql) ? reads : writes).add(); }};
    net::EventLoops& loops = parts.loops;
    auto store = net::run_on(
        loops.next(), postgres_store::PostgresStore::open(
                          std::move(space), settings.postgres, std::move(target),
                          {.search = parts.executors.search(),
                           .storage = parts.executors.storage(),
                           .max_metadata_bytes = settings.store.max_metadata_bytes,
                           .loop = loops.next()},
                          std::move(observers), Deadline::after(kOpenTimeout, parts.clock.now())));
    if (!store) {
      return fail(store.error().code, fmt::format("{}: {}", name, store.error().message));
    }
    opened->store_ = std::move(*store);
    const postgres::Client& client = opened->store_->client();
    opened->registrations_ = register_postgres_metrics(metrics, client);
    opened->breaker_ =
        parts.instruments.breakers.add("postgres", [&client] { return client.breaker_status(); });
    opened->warn_of_too_many(settings.postgres.client.pool, parts);
    return opened;
  }

  store::Store& store() override { return *store_; }
  void begin_upkeep() override { store_->begin_upkeep(); }
  void stop() override {
    registrations_.clear();
    breaker_ = {};
    if (store_) store_->stop();
    resolver_.stop();
    cancellations_.stop();
  }

 private:
  PostgresNodeStore() = default;

  // Found out when they are needed most, else.
  void warn_of_too_many(const policy::ConnectionPoolConfig& pool, const Parts& parts) {
    auto most =
        net::run_on(parts.loops.next(),
                    store_->max_connections(Deadline::after(kOpenTimeout, parts.clock.now())));
    if (!most) return; // it has just answered; this is no reason to fail
    const std::size_t nodes = parts.nodes ? parts.nodes() : 1;
    const std::size_t wanted = nodes * (pool.pool_size + pool.max_overflow + 1); // and /ready's
    if (wanted <= *most) return;
    log_warning("nodes times (pool_size + max_overflow) is more than the database allows",
                {{"nodes", nodes}, {"wanted", wanted}, {"max_connections", *most}});
  }

  net::Resolver resolver_;
  runtime::Executor cancellations_{
      {.name = "pg_cancel", .threads = 1, .max_queued = kMaxCancellations}};
  std::unique_ptr<postgres_store::PostgresStore> store_;
  node::BreakerBoard::Place breaker_;
};

} // namespace

std::optional<std::filesystem::path> store_path(const Settings& settings,
                                                const std::filesystem::path& data_folder) {
  const std::string file = settings.store_location.file();
  return file.empty() ? std::nullopt : std::optional(data_folder / file);
}

Result<std::unique_ptr<NodeStore>> NodeStore::open(const Settings& settings,
                                                   const std::filesystem::path& data_folder,
                                                   store::EmbeddingSpace space, const Parts& parts,
                                                   const Progress& progress) {
  const auto path = store_path(settings, data_folder);
  if (!path) return PostgresNodeStore::open(settings, std::move(space), parts);
  return EmbeddedNodeStore::open(settings, *path, std::move(space), parts, progress);
}

} // namespace raglan::app
