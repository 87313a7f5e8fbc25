#include "node/cache_metrics.h"

#include <string>
#include <utility>

namespace raglan::node {
namespace {

using telemetry::MetricKind;

constexpr std::string_view kRequests = "raglan_cache_requests_total";
constexpr std::string_view kRequestsHelp = "Look-ups in a cache.";

double number(std::uint64_t count) { return static_cast<double>(count); }
double number(Duration seconds) { return std::chrono::duration<double>(seconds).count(); }

} // namespace

std::vector<telemetry::Registration> register_cache_metrics(
    telemetry::MetricRegistry& metrics, std::string_view cache,
    const std::function<cache::LocalCacheStats()>& stats) {
  using Stats = cache::LocalCacheStats;
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, auto Stats::* member) {
    labels.insert(labels.begin(), {"cache", std::string(cache)});
    registrations.push_back(metrics.callback(kind, name, help, std::move(labels),
                                             [stats, member] { return number(stats().*member); }));
  };
  add(MetricKind::kCounter, kRequests, kRequestsHelp, {{"result", "hit"}}, &Stats::hits);
  add(MetricKind::kCounter, kRequests, kRequestsHelp, {{"result", "miss"}}, &Stats::misses);
  add(MetricKind::kGauge, "raglan_cache_bytes", "What a cache's entries occupy.", {},
      &Stats::bytes);
  add(MetricKind::kGauge, "raglan_cache_entries", "Entries of a cache.", {}, &Stats::entries);
  add(MetricKind::kCounter, "raglan_cache_evictions_total", "Entries that made room for others.",
      {}, &Stats::evictions);
  add(MetricKind::kCounter, "raglan_cache_saved_seconds_total",
      "What computing the values of the hits had taken.", {}, &Stats::saved);
  add(MetricKind::kCounter, "raglan_cache_saved_calls_total",
      "Calls of models and searches that hits did without.", {}, &Stats::saved_calls);
  add(MetricKind::kCounter, "raglan_cache_hit_age_seconds_total", "The ages of the hits, together.",
      {}, &Stats::age);
  return registrations;
}

std::vector<telemetry::Registration> register_shared_cache_metrics(
    telemetry::MetricRegistry& metrics, std::string_view cache, const cache::SharedTier& tier) {
  using Stats = cache::SharedTierStats;
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](std::string_view name, std::string_view help, telemetry::Labels labels,
                       auto Stats::* member) {
    labels.insert(labels.begin(), {"cache", std::string(cache)});
    registrations.push_back(
        metrics.callback(MetricKind::kCounter, name, help, std::move(labels),
                         [&tier, member] { return number(tier.stats().*member); }));
  };
  add(kRequests, kRequestsHelp, {{"result", "redis"}}, &Stats::hits);
  add("raglan_cache_redis_misses_total", "Looks into Redis that did not find what was wanted.", {},
      &Stats::misses);
  add("raglan_cache_redis_hit_age_seconds_total", "The ages of the hits in Redis, together.", {},
      &Stats::age);
  add("raglan_cache_redis_failures_total",
      "Reads, writes and releases of a cache in Redis that failed.", {}, &Stats::failures);
  add("raglan_cache_redis_refused_total", "Entries that were too large to be stored in Redis.", {},
      &Stats::refused);
  add("raglan_cache_redis_refused_bytes_total",
      "Entries that were too large to be stored in Redis, in bytes.", {}, &Stats::refused_bytes);
  return registrations;
}

std::vector<telemetry::Registration> register_embedding_cache_metrics(
    telemetry::MetricRegistry& metrics, const model::EmbeddingCache& cache) {
  using Stats = model::EmbeddingCacheStats;
  auto registrations =
      register_cache_metrics(metrics, "embedding", [&cache] { return cache.stats().memory; });
  const auto add = [&](std::string_view name, std::string_view help, telemetry::Labels labels,
                       std::uint64_t Stats::* member) {
    registrations.push_back(
        metrics.callback(MetricKind::kCounter, name, help, std::move(labels),
                         [&cache, member] { return static_cast<double>(cache.stats().*member); }));
  };
  add(kRequests, kRequestsHelp, {{"cache", "embedding"}, {"result", "disk"}}, &Stats::shelf_hits);
  add("raglan_coalesced_total", "Work that was not done because another request was doing it.",
      {{"stage", "embedding"}}, &Stats::coalesced);
  add("raglan_cache_saved_tokens_total", "Tokens that were not embedded, because of the cache.",
      {{"cache", "embedding"}}, &Stats::saved_tokens);
  if (!cache.has_shelf()) return registrations;
  add("raglan_queue_rejected_total", "Tasks refused because the executor's queue was full.",
      {{"executor", "shelf"}}, &Stats::rejected_reads);
  registrations.push_back(metrics.callback(
      MetricKind::kGauge, "raglan_queue_depth", "Tasks that wait for an executor.",
      {{"executor", "shelf"}}, [&cache] { return number(cache.stats().queued_reads); }));
  return registrations;
}

std::vector<telemetry::Registration> register_similar_metrics(
    telemetry::MetricRegistry& metrics, const rag::SimilarQuestions& questions) {
  using Stats = rag::SimilarQuestionsStats;
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](std::string_view result, std::uint64_t Stats::* member) {
    registrations.push_back(metrics.callback(
        MetricKind::kCounter, "raglan_cache_similar_total",
        "Similar questions: reused answers, and those that were computed, to learn or to audit.",
        {{"result", std::string(result)}},
        [&questions, member] { return number(questions.stats().*member); }));
  };
  add("reused", &Stats::reused);
  add("audited_same", &Stats::audited_same);
  add("audited_other", &Stats::audited_other);
  add("learned_same", &Stats::learned_same);
  add("learned_other", &Stats::learned_other);
  registrations.push_back(
      metrics.callback(MetricKind::kGauge, "raglan_cache_similar_questions",
                       "Questions that similar ones are compared with.", {},
                       [&questions] { return number(questions.stats().questions); }));
  return registrations;
}

} // namespace raglan::node
