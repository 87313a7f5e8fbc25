// What the caches of a node report: every cache the same metrics, told apart by the label `cache`.
//
// The registrations must not outlive what `stats` reads. Thread safety: that of the registry.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "cache/local_cache.h"
#include "cache/shared_tier.h"
#include "model/embedding_cache.h"
#include "rag/similar_questions.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

// Look-ups by result (`hit`, `miss`), bytes, entries, evictions; how old the hits were; what was
// saved, by hits in Redis too (cache/tiered_cache.h).
std::vector<telemetry::Registration> register_cache_metrics(
    telemetry::MetricRegistry& metrics, std::string_view cache,
    const std::function<cache::LocalCacheStats()>& stats);

// Of the tier that nodes share, beside those: look-ups that Redis answered (result `redis`; this
// process' `miss` counts them too, as with `disk`), its failures, the entries too large for it.
std::vector<telemetry::Registration> register_shared_cache_metrics(
    telemetry::MetricRegistry& metrics, std::string_view cache, const cache::SharedTier& tier);

// Those, of `embedding`; its look-ups that the disk answered (result `disk`); the texts that
// another request was embedding; the tokens that were not embedded.
std::vector<telemetry::Registration> register_embedding_cache_metrics(
    telemetry::MetricRegistry& metrics, const model::EmbeddingCache& cache);

// What became of the similar questions of those whose answers were not cached.
std::vector<telemetry::Registration> register_similar_metrics(
    telemetry::MetricRegistry& metrics, const rag::SimilarQuestions& questions);

} // namespace raglan::node
