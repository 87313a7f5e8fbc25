// raglan serve: one RAG node.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "app/auth_metrics.h"
#include "app/command_line.h"
#include "app/engine.h"
#include "app/generator.h"
#include "app/pool_metrics.h"
#include "app/redis_metrics.h"
#include "app/stop_request.h"
#include "app/warmup_list.h"
#include "base/json_text.h"
#include "base/log.h"
#include "cache/purge_follower.h"
#include "http/server.h"
#include "net/descriptor_limit.h"
#include "net/detach.h"
#include "net/host_port.h"
#include "node/node.h"
#include "node/query_json.h"
#include "node/request_metrics.h"
#include "node/write_news.h"
#include "telemetry/resource_usage.h"

namespace raglan::app {
namespace {

// For the store, the index's snapshots and the loops themselves.
constexpr std::size_t kOtherDescriptors = 256;
// How long a node that ends before it is loaded, and so has no work, may take to answer.
constexpr std::chrono::seconds kUnloadedDrainTimeout{1};

struct ServeOptions {
  CommonOptions common;
  std::string listen;
  std::string llm;
};

Result<net::Listener> open_listener(const ServingConfig& config) {
  const net::HostPort address = *net::parse_host_port(config.listen); // checked when it was read
  return net::Listener::open({.host = address.host, .port = address.port});
}

// The questions of cache.warmup.queries.
Result<std::vector<rag::QueryRequest>> read_warmup_requests(const Settings& settings) {
  if (settings.warmup.queries.empty()) return {};
  const std::string& file = settings.warmup.queries;
  const auto named = [](Error error) {
    error.message = "cache.warmup.queries: " + error.message;
    return std::unexpected(std::move(error));
  };
  auto bodies = read_warmup_list(file, node::kMaxQueriesPerWarm);
  if (!bodies) return named(bodies.error());
  std::vector<rag::QueryRequest> requests;
  for (WarmupBody& body : *bodies) {
    const boost::json::object request{{"queries", std::move(body.questions)}};
    auto parsed = node::parse_warm(json_text(request), std::string(store::kDefaultTenant),
                                   settings.retrieval.top_k);
    if (!parsed) return named(warmup_error(parsed.error(), file, body));
    std::ranges::move(*parsed, std::back_inserter(requests));
  }
  return requests;
}

// One node in this process, from listening to drained.
class Serving {
 public:
  Serving(const Settings& settings, std::filesystem::path data_folder, const sigset_t& stop_signals)
      : settings_(settings),
        data_folder_(std::move(data_folder)),
        stop_(stop_signals),
        usage_(telemetry::register_resource_metrics(metrics_, telemetry::ResourceReader())) {}

  ~Serving() {
    loops_.stop(); // also when it could not begin: what runs on them uses the members
    if (authenticator_) authenticator_->close();
  }

  int run(net::Listener listener) {
    if (auto ok = connect_redis(); !ok) return report_error("serve", ok.error());
    join_fleet();
    auto generator = connect_generator(settings_, data_folder_, instruments_, loops_,
                                       fleet_ ? &*fleet_ : nullptr, SystemClock::instance());
    if (!generator) return report_error("serve", generator.error());
    generator_ = std::move(*generator);
    loops_.start();
    if (auto ok = ask_for_credentials(); !ok) return report_error("serve", ok.error());
    http::Server server(settings_.server, loops_, node_.handler(), node_.hooks());
    node_.on_drain([this, &server] {
      stop_.request();
      return server.connections();
    });
    const auto server_metrics = node::register_server_metrics(metrics_, server);
    const std::string url = fmt::format("http://{}:{}", listener.address(), listener.port());
    if (auto ok = server.listen(std::move(listener)); !ok) return report_error("serve", ok.error());
    fmt::print("listening on {}\n", url);
    std::fflush(stdout);

    std::thread loader([this] { load(); });
    stop_.wait();
    log_info("draining", {{"connections", server.connections()}});
    node_.drain();
    const Clock& clock = SystemClock::instance();
    if (!loaded_) {
      server.drain(Deadline::after(kUnloadedDrainTimeout, clock.now()));
      // Loading only reads; it cannot be interrupted, and nobody needs its end.
      std::_Exit(failed_ ? kExitFailed : kExitDone);
    }
    loader.join();
    engine_->service().job_runner().stop();
    const Deadline deadline = Deadline::after(settings_.serving.drain_timeout, clock.now());
    if (!server.drain(deadline)) {
      log_warning("requests were cut off at the end of the drain timeout");
    }
    await_jobs(deadline);
    node_.stop();
    if (fleet_) net::run_on(loops_.next(), fleet_->leave());
    purges_.reset();
    writes_.reset();
    engine_->stop();
    loops_.stop();
    log_info("stopped");
    return kExitDone;
  }

 private:
  // Redis only speeds things up, without a language model there are the passages, and what replicas
  // do not read the primary does: the node is degraded and in service.
  std::vector<node::Check> checks() {
    std::vector<node::Check> checks;
    if (settings_.generation.provider != GenerationProvider::kExtractive) {
      auto check = [this] { return generator_.generator->check(); };
      checks.push_back({.name = "generator", .required = false, .run = std::move(check)});
    }
    if (!settings_.store_location.replicas.empty()) {
      auto check = [this]() -> Result<> {
        return loaded_ ? engine_->check_replicas() : Result<>();
      };
      checks.push_back({.name = "replicas", .required = false, .run = std::move(check)});
    }
    if (!settings_.redis.enabled()) return checks;
    auto ping = [this]() -> Result<> {
      auto well = net::run_on(loops_.next(), redis_->check(Deadline()));
      if (!well) return well;
      if (!loaded_ || purges_->listening()) return {};
      return fail(ErrorCode::kUnavailable, "what operators remove from the caches is not heard");
    };
    checks.push_back({.name = "redis", .required = false, .run = std::move(ping)});
    return checks;
  }

  node::NodeConfig node_config() {
    return {.hosts = settings_.serving.hosts,
            .checks = checks(),
            .shared_embedder = settings_.embedding.provider != EmbeddingProvider::kLocal,
            .readiness = settings_.readiness};
  }

  // Connections are made when they are needed: a Redis that is away keeps nobody from starting.
  Result<> connect_redis() {
    if (!settings_.redis.enabled()) return {};
    auto client = redis::Client::create(settings_.redis, loops_, redis_instruments(metrics_));
    if (!client) return forward_error(client);
    redis_ = std::move(*client);
    redis_metrics_ = register_redis_metrics(metrics_, *redis_);
    redis_breaker_ = instruments_.breakers.add("redis", [this] { return redis_->stats().breaker; });
    return {};
  }

  Result<> ask_for_credentials() {
    if (settings_.auth.mode == auth::Mode::kNone) return {};
    auto made = auth::Authenticator::create(settings_.auth, loops_, SystemClock::instance());
    if (!made) return forward_error(made);
    authenticator_ = std::move(*made);
    auth_metrics_ = register_auth_metrics(metrics_, *authenticator_);
    node_.authenticate_by(*authenticator_);
    return {};
  }

  void join_fleet() {
    if (!redis_) return;
    fleet_.emplace(*redis_, loops_, 0);
    redis_metrics_.push_back(register_fleet_metric(metrics_, *fleet_));
  }

  // What an operator removes from the caches of one node is removed from this one's.
  void follow_purges() {
    if (!redis_) return;
    node::Service& service = engine_->service();
    cache::PurgeFollower::Events events{
        .on_purge = [&service](const cache::PurgeMessage& purge) { service.follow_purge(purge); },
        .on_missed = [&service] { service.forget_cached(); },
    };
    purges_.emplace(*redis_, settings_.redis_subscriber, std::move(events), loops_, 0);
  }

  // What other nodes write is news to a node that may know older generations.
  void follow_writes() {
    if (!redis_ || settings_.postgres.max_staleness.count() == 0) return;
    node::WriteFollower::Events events{
        .on_write = [this](const store::CollectionKey& key) { engine_->forget_generation(key); },
        .on_doubt = [this] { engine_->forget_generations(); },
    };
    writes_.emplace(*redis_, settings_.redis_subscriber, std::move(events), loops_, 0);
  }

  void give_up(const Error& error) {
    report_error("serve", error);
    failed_ = true;
    stop_.request();
  }

  // The list of questions, within its time box; what is left of it, and the watch over the
  // questions asked most, go on behind.
  Result<> warm_up() {
    const Clock& clock = SystemClock::instance();
    const rag::WarmupConfig& config = settings_.warmup;
    rag::Pipeline& pipeline = engine_->pipeline();
    auto requests = read_warmup_requests(settings_);
    if (!requests) return forward_error(requests);
    if (!requests->empty()) {
      const Deadline box = Deadline::after(config.timeout, clock.now());
      const auto count = net::run_on(loops_.next(), rag::warm(pipeline, *requests, box, clock));
      log_info("warmed up", {{"answered", count.answered},
                             {"cached", count.cached},
                             {"failed", count.failed},
                             {"left", count.left}});
      if (count.left > 0) {
        net::detach(loops_.next(), rag::warm_behind(pipeline, std::move(*requests), clock));
      }
    }
    if (config.refresh) net::detach(loops_.next(), rag::watch_hot_queries(pipeline, config));
    return {};
  }

  void load() {
    const Clock& clock = SystemClock::instance();
    const MonotonicTime start = clock.now();
    auto engine =
        Engine::load(settings_, data_folder_, instruments_, node_.request_metrics(), loops_, clock,
                     {.redis = redis_.get(),
                      .fleet = fleet_ ? &*fleet_ : nullptr,
                      .generator = generator_.generator.get()});
    if (!engine) return give_up(engine.error());
    engine_ = std::move(*engine);
    if (authenticator_) authenticator_->accept(engine_->service().api_keys());
    follow_purges();
    follow_writes();
    await_local_model(generator_);
    if (auto ok = warm_up(); !ok) return give_up(ok.error());
    engine_->begin_upkeep();
    engine_->service().job_runner().begin(loops_.next());
    node_.start(engine_->service());
    log_info("started", {{"milliseconds", to_milliseconds(clock.now() - start)}});
    loaded_ = true;
  }

  // What is not given back by then another node takes over, a lease's time later.
  void await_jobs(Deadline deadline) {
    const node::JobRunner& runner = engine_->service().job_runner();
    while (runner.running() > 0 && !deadline.expired(SystemClock::instance().now())) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  const Settings& settings_;
  const std::filesystem::path data_folder_;
  StopRequest stop_;
  Instruments instruments_;
  telemetry::MetricRegistry& metrics_ = instruments_.metrics;
  std::vector<telemetry::Registration> usage_;
  node::Node node_{metrics_, node_config(), SystemClock::instance()};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  net::EventLoops loops_{settings_.loops}; // after what its requests use
  std::vector<telemetry::Registration> auth_metrics_;
  std::unique_ptr<redis::Client> redis_; // used by requests, until the loops stand still
  std::optional<redis::Fleet> fleet_;
  std::vector<telemetry::Registration> redis_metrics_;
  node::BreakerBoard::Place redis_breaker_;
  ConnectedGenerator generator_; // likewise
  std::optional<cache::PurgeFollower> purges_;
  std::optional<node::WriteFollower> writes_;
  std::atomic<bool> loaded_ = false;
  std::atomic<bool> failed_ = false;
};

// A connection that finds no descriptor would hang in the listener's backlog; one over the limit is
// told so.
void limit_connections(http::ServerConfig& server) {
  const std::size_t descriptors = net::raise_descriptor_limit();
  const std::size_t affordable = descriptors - std::min(descriptors / 2, kOtherDescriptors);
  if (server.max_connections <= affordable) return;
  log_warning("the limit of open files allows fewer connections than server.max_connections",
              {{"max_connections", affordable}, {"open_files", descriptors}});
  server.max_connections = affordable;
}

int serve(const ServeOptions& options) {
  const sigset_t stop_signals = block_signals(kStopSignals);
  Settings settings;
  std::vector<config::Override> flags;
  if (!options.listen.empty()) flags.push_back({"server.listen", options.listen, "--listen"});
  if (!options.llm.empty()) flags.push_back({"generation.provider", options.llm, "--llm"});
  if (!load_settings(settings, options.common, std::move(flags), Logging::kServer)) {
    return kExitUsage;
  }
  limit_connections(settings.server);
  auto listener = open_listener(settings.serving);
  if (!listener) return report_error("serve", listener.error());
  if (!listener->is_loopback() && settings.auth.mode == auth::Mode::kNone) {
    fmt::print(stderr,
               "raglan serve: {} can be reached from other machines, and without authentication "
               "everyone there could read and write. Set auth.mode (docs/auth.md), or listen on "
               "127.0.0.1 and put a proxy that authenticates in front.\n",
               settings.serving.listen);
    return kExitUsage;
  }
  return Serving(settings, options.common.data_folder, stop_signals).run(std::move(*listener));
}

} // namespace

void add_serve(CLI::App& program, Run& run) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = program.add_subcommand("serve", "one RAG node over HTTP");
  add_common_options(*command, options->common);
  command->add_option("--listen", options->listen, "HOST:PORT; port 0 picks a free one");
  command->add_option("--llm", options->llm,
                      "who writes answers: extractive, openai or local (generation.provider)");
  command->callback([options, &run] { run = [options] { return serve(*options); }; });
}

} // namespace raglan::app
