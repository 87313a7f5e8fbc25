#include "app/settings.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "balancer/forwarded_head.h"
#include "config/environment.h"
#include "http/message_fields.h"
#include "net/host_port.h"
#include "postgres/target.h"

namespace raglan::app {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::string_view kDefaultFile = "raglan.toml";
constexpr std::string_view kSqlite = "sqlite:";
constexpr std::size_t kMaxFileBytes = 4 << 20;
constexpr std::size_t kMaxFallbacks = 4;
constexpr std::size_t kMaxReplicas = 16;

// The file's text. The error is a whole line.
std::expected<std::string, std::string> read_config(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(fmt::format("{}: cannot be opened", path.string()));
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::unexpected(fmt::format("{}: cannot be read", path.string()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    return std::unexpected(fmt::format("{}: larger than 4 MiB", path.string()));
  }
  return text;
}

} // namespace

void describe(config::Table<ServingConfig>& table) {
  table.field("listen", &ServingConfig::listen, "address and port; port 0 picks a free one")
      .must("be HOST:PORT",
            [](const std::string& text) { return net::parse_host_port(text).has_value(); });
  table.field("hosts", &ServingConfig::hosts,
              "names under which clients may ask for the node, besides localhost and 127.0.0.1");
  table
      .field("tier_header", &ServingConfig::tier_header,
             "header in which a proxy that you trust names a question's tier: vip, paid or free; "
             "without it all are paid")
      .must("be the name of a header",
            [](const std::string& name) { return name.empty() || http::is_token(name); });
  table
      .field("request_timeout", &ServingConfig::request_timeout,
             "the longest a question may take; x-request-timeout-ms can only shorten it")
      .min(milliseconds(10))
      .max(hours(1));
  table
      .field("document_timeout", &ServingConfig::document_timeout,
             "the longest that writing the documents of one request may take")
      .min(milliseconds(100))
      .max(hours(24));
  table
      .field("drain_timeout", &ServingConfig::drain_timeout,
             "how long requests in flight may go on after SIGTERM")
      .max(hours(1));
}

void describe(config::Table<LogConfig>& table) {
  table.choice("level", &LogConfig::level, "what is logged at least",
               {{"debug", LogLevel::kDebug},
                {"info", LogLevel::kInfo},
                {"warning", LogLevel::kWarning},
                {"error", LogLevel::kError},
                {"off", LogLevel::kOff}});
  table.choice("format", &LogConfig::format, "lines for people or for programs",
               {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
}

void describe(config::Table<StoreLocation>& table) {
  table
      .field("url", &StoreLocation::url,
             "sqlite:NAME, a file in the data folder, or postgresql://… with its password, in all "
             "forms that libpq knows; empty means sqlite:raglan.db")
      .must("be sqlite:NAME or postgresql://[user[:password]@]host[:port]/database[?…]",
            [](const config::Secret& secret) {
              const std::string& url = secret.reveal();
              if (url.starts_with(kSqlite)) return url.size() > kSqlite.size();
              return url.empty() || postgres::parse_url(url).has_value();
            });
  table
      .field("replicas", &StoreLocation::replicas,
             "streaming standbys of store.url, each as postgresql://…, that answer searches and "
             "reads of documents; what they lack is read where store.url says")
      .must(fmt::format("be at most {} of postgresql://[user[:password]@]host[:port]/database[?…]",
                        kMaxReplicas),
            [](const std::vector<config::Secret>& urls) {
              return urls.size() <= kMaxReplicas &&
                     std::ranges::all_of(urls, [](const config::Secret& url) {
                       return postgres::parse_url(url.reveal()).has_value();
                     });
            });
}

std::string StoreLocation::file() const {
  if (url.empty()) return "raglan.db";
  return url.reveal().starts_with(kSqlite) ? url.reveal().substr(kSqlite.size()) : "";
}

void describe(config::Table<EmbeddingModel>& table) {
  table.choice("provider", &EmbeddingModel::provider,
               "who computes vectors: this process, or an API of OpenAI's shape",
               {{"local", EmbeddingProvider::kLocal}, {"openai", EmbeddingProvider::kOpenAi}});
  table.field("model", &EmbeddingModel::model,
              "a model that ./dev fetched, by name, or the path of a model folder; of a provider, "
              "its name for the model");
  table.rule("model must be the provider's name for it when provider is \"openai\"",
             [](const EmbeddingModel& chosen) {
               return chosen.provider == EmbeddingProvider::kLocal ||
                      chosen.model != EmbeddingModel().model;
             });
}

void describe(config::Table<GenerationModel>& table) {
  table.choice(
      "provider", &GenerationModel::provider,
      "who writes answers: nobody (they are the best sentences of the passages), a language "
      "model behind an API of OpenAI's shape, or the one on this machine that ./dev llm sets up",
      {{"extractive", GenerationProvider::kExtractive},
       {"openai", GenerationProvider::kOpenAi},
       {"local", GenerationProvider::kLocal}});
  table.choice(
      "order", &GenerationModel::order,
      "in which the model and those under [[generation.fallback]] are asked: as they stand, each "
      "when the one before fails, or by weight, as equals",
      {{"given", model::ChainOrder::kAsGiven}, {"weighted", model::ChainOrder::kByWeight}});
}

Settings::Settings() {
  registry_.add("server", serving, "The HTTP server of a node.");
  registry_.add("server", loops, "");
  registry_.add("server", server, "");
  registry_.add("server.limits", server.limits, "What a request may bring.");
  registry_.add(
      "limits.vip", rate_limits.vip,
      "What each tenant may ask for in a minute, by tier, exact over all nodes that share "
      "a Redis.");
  registry_.add("limits.paid", rate_limits.paid, "");
  registry_.add("limits.free", rate_limits.free, "");
  registry_.add("readiness", readiness, "When a node says that it can serve.");
  registry_.add("log", log, "Lines on stderr.");
  registry_.add("auth", auth, "Who may ask, and for which tenant.");
  registry_.add("auth", auth.claims, "");
  registry_.add("store", store_location, "Documents, chunks, vectors and their indexes.");
  registry_.add("store", store, "");
  registry_.add("store", postgres, "");
  registry_.add("store", postgres.rotation, "");
  registry_.add(
      "store.pool", postgres.client.pool,
      "Connections to PostgreSQL, and to each replica, as SQLAlchemy's QueuePool keeps them.");
  registry_.add("store.breaker", postgres.client.breaker,
                "When PostgreSQL, or a replica, is left alone because it does not answer.");
  registry_.add("embedding", embedding, "What turns text into vectors.");
  registry_.add("embedding", embedder, "");
  registry_.add("embedding", embedding_queue, "");
  registry_.add("embedding", remote_embedder, "");
  registry_.add("embedding.breaker", embedder_policies.breaker,
                "When a provider of embeddings is left alone for a while.");
  registry_.add("embedding.retry", embedder_policies.retry_budget,
                "When a failed call of a provider is made again.");
  registry_.add("embedding.retry", embedder_policies.backoff, "");
  registry_.add("embedding.quota", embedder_policies.quota,
                "How calls of a provider are spread so that its quota lasts.");
  registry_.add("ingest", chunker, "How documents are cut into passages.");
  registry_.add("retrieval", retrieval, "How passages are found and ranked.");
  registry_.add("generation", generation, "What makes an answer of the passages.");
  registry_.add("generation", generator, "");
  registry_.add("generation", prompt, "");
  registry_.add_list("generation.fallback", fallbacks,
                     "A model that is asked when those before it fail, or by its weight.",
                     kMaxFallbacks);
  registry_.add("generation.local", local_llm,
                "The model on this machine; base_url, api_key and model have no meaning for it.");
  registry_.add("generation.breaker", generator_policies.breaker,
                "When a provider of answers is left alone for a while.");
  registry_.add("generation.retry", generator_policies.retry_budget,
                "When a failed call of a provider is made again.");
  registry_.add("generation.retry", generator_policies.backoff, "");
  registry_.add("generation.quota", generator_policies.quota,
                "How calls of a provider are spread so that its quota lasts; of each of them.");
  registry_.add("generation.hedge", hedge,
                "When a call that has not begun to answer is made a second time.");
  registry_.add("generation.extractive", extractive,
                "Answers without a language model: the best sentences of the passages.");
  registry_.add("jobs", jobs, "Documents that are indexed behind the request (?wait=queued).");
  registry_.add("sessions", sessions, "Conversations that a node keeps.");
  registry_.add("follow_ups", follow_ups, "Questions of a conversation that lean on earlier ones.");
  registry_.add("admission", overload,
                "Who waits for a place when more is asked than can be done.");
  registry_.add("admission", overload.admission, "");
  registry_.add(
      "admission.limit", overload.limit,
      "How many calls of the language model are made at a time: found by how long they take.");
  registry_.add("degradation", overload.degradation,
                "How much less is done for each question while they wait long.");
  registry_.add("redis", redis, "What nodes share: the second tier of the caches.");
  registry_.add("redis.breaker", redis.breaker, "When Redis is left alone for a while.");
  registry_.add("redis.subscriber", redis_subscriber,
                "The connection on which a node hears what an operator removes from the caches.");
  registry_.add("redis.subscriber", redis_subscriber.backoff, "");
  registry_.add("cache.query", query_cache, "Whole answers, by question and generation.");
  registry_.add("cache.query", freshness, "");
  registry_.add("cache.similar", similar_questions,
                "Answers to similar questions, reused where experience allows it.");
  registry_.add("cache.retrieval", retrieval_cache, "Passages found, by question and generation.");
  registry_.add("cache.embedding", embedding_cache, "Vectors, by model and text.");
  registry_.add("cache.embedding", embedding_shelf, "");
  registry_.add("cache.embedding", shared_vectors, "");
  registry_.add("cache.warmup", warmup, "Answers that are there before anybody asks.");
  registry_.add("balancer", balancer, "The load balancer, `raglan balance`.");
  registry_.add("balancer.limits", balancer.limits, "What it accepts of a request.");
  registry_.add("balancer.health", health, "How it asks nodes whether they are well.");
  registry_.add("balancer.health", health.thresholds, "");
  registry_.add("balancer.slow_start", balancer.slow_start,
                "How a node that joins comes to its share of the requests.");
  registry_.add("balancer.retry", balancer.retry_budget,
                "When a request that a node lost, or had no room for, is given to another.");
  registry_.add("balancer.ejection", balancer.ejection,
                "When a node whose answers fail is left out for a while.");
  registry_.add_list("balancer.upstream", upstreams, "A node.", balancer::kMaxUpstreams);
  registry_.add_list("balancer.route", routes, "A strategy for the requests below a path.",
                     balancer::kMaxRoutes);
}

std::vector<std::string> Settings::load(const SettingSources& given) {
  config::Sources sources;
  std::error_code ignored;
  std::filesystem::path file = given.config_file;
  if (file.empty() && std::filesystem::exists(kDefaultFile, ignored)) file = kDefaultFile;
  if (!file.empty()) {
    auto text = read_config(file);
    if (!text) return {std::move(text.error())};
    sources.file_name = file.string();
    sources.toml = std::move(*text);
  }
  sources.environment = config::raglan_variables(environ);
  sources.overrides = given.overrides;
  std::vector<std::string> lines;
  for (const auto& problem : registry_.load(sources)) lines.push_back(problem.text());
  return lines.empty() ? contradictions() : lines;
}

std::vector<std::string> Settings::contradictions() const {
  std::vector<std::string> lines;
  for (const std::string& name : readiness.require) {
    const bool generates = generation.provider != GenerationProvider::kExtractive;
    if (name == "redis" && !redis.enabled()) {
      lines.emplace_back("readiness.require names redis, and redis.url is empty");
    } else if (name == "generator" && !generates) {
      lines.emplace_back("readiness.require names generator, and generation.provider is none");
    }
  }
  if (balancer.proxy_protocol && balancer.trusted_proxies.empty()) {
    lines.emplace_back("balancer.proxy_protocol needs balancer.trusted_proxies: whose word it is");
  }
  if (balancer.limits.max_header_bytes > balancer::kMaxHeadBytes) {
    lines.push_back(fmt::format("balancer.limits.max_header_bytes must be at most {}",
                                balancer::kMaxHeadBytes));
  }
  if (!store_location.replicas.empty() && !store_location.file().empty()) {
    lines.emplace_back("store.replicas are of a store in PostgreSQL, and store.url names none");
  }
  return lines;
}

} // namespace raglan::app
