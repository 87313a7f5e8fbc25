#include "node/cache_routes.h"

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/json_text.h"
#include "node/body_work.h"
#include "node/cache_purge.h"
#include "node/identity_scope.h"
#include "node/query_json.h"
#include "node/request_scope.h"
#include "rag/query_key.h"
#include "rag/warmer.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::string_view kQueryCache = rag::AnswerCache::kName;
constexpr std::string_view kRetrievalCache = rag::RetrievalStage::kName;
constexpr std::string_view kEmbeddingCache = model::EmbeddingCache::kName;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double mean(double sum, std::uint64_t count) {
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

// `found`: in all tiers, of so many that were looked for.
json::object local_json(std::string_view name, const cache::LocalCacheStats& stats,
                        const cache::LocalCacheConfig& config, std::uint64_t found,
                        std::uint64_t lookups) {
  const double hit_ratio = mean(static_cast<double>(found), lookups);
  return {{"name", name},
          {"enabled", config.enabled},
          {"eviction", cache::eviction_name(config.eviction)},
          {"ttl_seconds", seconds(config.ttl)},
          {"entries", stats.entries},
          {"bytes", stats.bytes},
          {"max_bytes", config.max_bytes},
          {"hits", stats.hits},
          {"misses", stats.misses},
          {"hit_ratio", hit_ratio},
          {"evictions", stats.evictions},
          {"saved_seconds", seconds(stats.saved)},
          {"saved_calls", stats.saved_calls},
          {"mean_age_seconds", mean(seconds(stats.age), stats.hits)}};
}

json::object shared_json(const cache::SharedTier& shared) {
  const cache::SharedTierStats there = shared.stats();
  return {{"hits", there.hits},
          {"misses", there.misses},
          {"mean_age_seconds", mean(seconds(there.age), there.hits)},
          {"failures", there.failures},
          {"refused", there.refused}};
}

json::object tiers_json(std::string_view name, auto& tiers) {
  const cache::LocalCacheStats stats = tiers.stats();
  const cache::SharedTier* shared = tiers.shared();
  // What Redis had was a miss here.
  const std::uint64_t found = stats.hits + (shared ? shared->stats().hits : 0);
  json::object object =
      local_json(name, stats, tiers.local().config(), found, stats.hits + stats.misses);
  if (shared) object["redis"] = shared_json(*shared);
  return object;
}

json::object query_json(rag::Pipeline& pipeline) {
  json::object object = tiers_json(kQueryCache, pipeline.query_cache());
  const rag::SimilarQuestions& similar = pipeline.similar_questions();
  if (!similar.enabled()) return object;
  const rag::SimilarQuestionsStats stats = similar.stats();
  object["similar"] = {{"questions", stats.questions},
                       {"reused", stats.reused},
                       {"audited", {{"same", stats.audited_same}, {"other", stats.audited_other}}},
                       {"learned", {{"same", stats.learned_same}, {"other", stats.learned_other}}}};
  return object;
}

json::object embedding_json(model::EmbeddingCache& cache) {
  const model::EmbeddingCacheStats stats = cache.stats();
  const cache::SharedTier* shared = cache.shared();
  const std::uint64_t found =
      stats.memory.hits + stats.shelf_hits + (shared ? shared->stats().hits : 0);
  json::object object =
      local_json(kEmbeddingCache, stats.memory, cache.config(), found, found + stats.memory.misses);
  object["saved_tokens"] = stats.saved_tokens;
  object["coalesced"] = stats.coalesced;
  if (cache.has_shelf()) object["disk"] = {{"hits", stats.shelf_hits}};
  if (shared) object["redis"] = shared_json(*shared);
  return object;
}

net::Task<http::Response> look(CacheRouteParts parts, http::Request&) {
  json::array caches{query_json(parts.pipeline),
                     tiers_json(kRetrievalCache, parts.pipeline.retrieval_cache()),
                     embedding_json(parts.embeddings)};
  const json::object body{{"caches", std::move(caches)},
                          {"refreshing", parts.pipeline.refreshing()}};
  co_return http::json_response(200, json_text(body));
}

// What DELETE's parameters select.
struct PurgeParameters {
  std::optional<std::string> cache;
  std::optional<std::string> tenant;
  std::optional<std::string> collection;
  std::optional<Hash128> key;

  // Vectors belong to a tenant and to no collection; nor have they keys that anybody was told.
  bool selects_embeddings() const { return !collection && !key; }
  bool selects(std::string_view name) const {
    if (name == kEmbeddingCache && !selects_embeddings()) return false;
    return !cache || *cache == name;
  }
};

Result<PurgeParameters> purge_parameters(const http::Request& request) {
  auto parameters = request.query_parameters();
  if (!parameters) return forward_error(parameters);
  PurgeParameters purge;
  for (const auto& [name, value] : *parameters) {
    if (name == "cache") {
      if (value != kQueryCache && value != kRetrievalCache && value != kEmbeddingCache) {
        return fail(ErrorCode::kInvalidField, "'cache' must be query, retrieval or embedding",
                    "cache");
      }
      purge.cache = value;
    } else if (name == "key") {
      purge.key = Hash128::from_hex(value);
      if (!purge.key) {
        return fail(ErrorCode::kInvalidField, "'key' must be a key of Cache-Status", "key");
      }
    } else {
      if (!is_valid_name(value)) {
        return fail(ErrorCode::kInvalidField, fmt::format("'{}' is not a valid name", name), name);
      }
      (name == "tenant" ? purge.tenant : purge.collection) = value;
    }
  }
  if (purge.cache == kEmbeddingCache && !purge.selects_embeddings()) {
    return fail(ErrorCode::kInvalidField,
                "vectors belong to a tenant: the embedding cache has no collections nor these keys",
                "cache");
  }
  return purge;
}

cache::Selection selection_of(const PurgeParameters& purge) {
  cache::Selection selection{.key = purge.key};
  store::CollectionKey collection;
  if (purge.tenant) collection.tenant = *purge.tenant;
  if (purge.collection) {
    collection.name = *purge.collection;
    selection.scope = rag::scope_of(collection);
  } else if (purge.tenant) {
    selection.tenant = cache::tenant_hash(*purge.tenant);
  }
  return selection;
}

net::Task<http::Response> purge(CacheRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  if (!request.body.empty()) { // else what it names would be left out, and everything removed
    const Error error{ErrorCode::kInvalidField,
                      "a body means nothing here: query parameters say what is removed", ""};
    co_return error_reply(error, request);
  }
  auto wanted = purge_parameters(request);
  if (!wanted) co_return error_reply(wanted.error(), request);
  if (wanted->collection && !wanted->tenant) wanted->tenant = identity_of(request).tenant;
  json::object removed;
  Result<> whole;
  const auto count = [&](std::string_view cache, Result<std::size_t> entries) {
    if (entries) removed[cache] = *entries;
    if (!entries && whole) whole = forward_error(entries);
  };
  const CachePurgeParts caches{parts.pipeline, parts.storage, parts.clock};
  for (const std::string_view cache : {kEmbeddingCache, kQueryCache, kRetrievalCache}) {
    if (!wanted->selects(cache)) continue;
    cache::PurgeMessage message{std::string(cache), selection_of(*wanted)};
    count(cache, co_await purge_cache(caches, std::move(message), *deadline));
  }
  // An error only now: what can be reached is removed, whatever cannot.
  if (!whole) co_return error_reply(whole.error(), request);
  const json::object body{{"removed", std::move(removed)}};
  co_return http::json_response(200, json_text(body));
}

net::Task<http::Response> warm(CacheRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.warm_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::size_t body_bytes = request.body.size();
  auto parse = [body = std::move(request.body), held = request.body_reservation,
                tenant = identity_of(request).tenant,
                top_k = parts.top_k] { return parse_warm(body, tenant, top_k); };
  auto requests =
      co_await work_on_body(body_bytes, parts.bulk, std::move(parse), *deadline, parts.clock);
  if (!requests) co_return error_reply(requests.error(), request);
  const rag::WarmupCount count =
      co_await rag::warm(parts.pipeline, std::move(*requests), *deadline, parts.clock);
  const json::object body{{"answered", count.answered},
                          {"cached", count.cached},
                          {"failed", count.failed},
                          {"left", count.left}};
  co_return http::json_response(200, json_text(body));
}

} // namespace

void add_cache_routes(http::Router& router, CacheRouteParts parts) {
  const auto add = [&](std::string_view method, std::string_view path,
                       std::vector<std::string_view> parameters, auto answer) {
    auto handler = [parts, answer](http::Request& request) { return answer(parts, request); };
    router.add(method, path, with_parameters(std::move(parameters), std::move(handler)));
  };
  add("GET", "/admin/cache", {}, look);
  add("DELETE", "/admin/cache", {"cache", "tenant", "collection", "key"}, purge);
  add("POST", "/admin/cache/warm", {}, warm);
}

} // namespace raglan::node
