#include "model/embedding_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace raglan::model {
namespace {

// What a value is outside of memory: the number of tokens and the floats, all of four bytes, little
// endian. Of the format's version, and of the scope's, the key knows.
static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t kFormat = 2;
constexpr std::size_t kVectorOverheadBytes = sizeof(TextVector) + 32; // and two allocations

std::string encode(const TextVector& vector) {
  const auto tokens = static_cast<std::uint32_t>(vector.tokens);
  const std::size_t values_bytes = vector.values.size() * sizeof(float);
  std::string bytes(sizeof tokens + values_bytes, '\0');
  std::memcpy(bytes.data(), &tokens, sizeof tokens);
  std::memcpy(bytes.data() + sizeof tokens, vector.values.data(), values_bytes);
  return bytes;
}

// Null when it is none of this dimension.
TextVectorPtr decode(std::string_view bytes, std::size_t dimension) {
  std::uint32_t tokens = 0;
  if (bytes.size() != sizeof tokens + dimension * sizeof(float)) return nullptr;
  std::memcpy(&tokens, bytes.data(), sizeof tokens);
  auto vector = std::make_shared<TextVector>();
  vector->tokens = tokens;
  vector->values.resize(dimension);
  std::memcpy(vector->values.data(), bytes.data() + sizeof tokens, bytes.size() - sizeof tokens);
  return vector;
}

std::size_t bytes_of(const TextVector& vector) {
  return kVectorOverheadBytes + vector.values.size() * sizeof(float);
}

} // namespace

void describe(config::Table<SharedVectorsConfig>& table) {
  table.choice("redis", &SharedVectorsConfig::redis,
               "which vectors all nodes share in Redis, where there is one: all, those that "
               "questions need (but not those of ingest), or none",
               {{"all", SharedVectors::kAll},
                {"questions", SharedVectors::kQuestions},
                {"none", SharedVectors::kNone}});
}

EmbeddingCache::EmbeddingCache(EmbeddingQueue& queue, cache::LocalCacheConfig config, Tiers tiers,
                               const Clock& clock)
    : queue_(queue),
      shelf_(config.enabled ? tiers.shelf : nullptr),
      shared_vectors_(tiers.shared.redis),
      clock_(clock),
      memory_(config) {
  if (config.enabled && tiers.redis != nullptr) {
    const bool for_ever = config.ttl == Duration::zero();
    const Duration keep = for_ever ? kKeepShared : std::min<Duration>(config.ttl, kKeepShared);
    shared_.emplace(*tiers.redis,
                    cache::SharedTier::Config{.name = std::string(kName), .keep = keep});
  }
  if (shelf_ == nullptr) return;
  reads_.emplace(runtime::ExecutorConfig{"shelf", 1, kMaxQueuedReads});
  read_shelf_ = [this](std::function<void()> work) { return reads_->try_submit(std::move(work)); };
}

Hash128 EmbeddingCache::key(std::string_view tenant, std::string_view text) const {
  return Hasher().add(kFormat).add(embedder().id()).add(tenant).add(text).finish();
}

std::vector<TextVectorPtr> EmbeddingCache::find_on_shelf(std::string_view tenant,
                                                         std::span<const Hash128> keys) {
  const cache::EntryNotes notes{.scope = scope_of(tenant)};
  std::vector<TextVectorPtr> vectors(keys.size());
  const auto found = shelf_->find_many(keys);
  for (std::size_t i = 0; i < keys.size() && i < found.size(); ++i) {
    if (!found[i]) continue;
    vectors[i] = decode(found[i]->value, embedder().dimension());
    if (!vectors[i]) continue;
    shelf_hits_.add();
    memory_.insert(keys[i], vectors[i], bytes_of(*vectors[i]), clock_.now() - found[i]->age, notes);
  }
  return vectors;
}

net::Task<std::vector<TextVectorPtr>> EmbeddingCache::find_shared(std::string tenant,
                                                                  std::vector<Hash128> keys,
                                                                  Deadline deadline, bool& failed) {
  const cache::Scope scope = scope_of(tenant);
  std::vector<TextVectorPtr> vectors(keys.size());
  std::vector<cache::Shelf::Entry> entries;
  const auto looked = co_await shared_->find_many(keys, scope, deadline);
  failed = !std::ranges::all_of(looked, &cache::SharedLookup::answered);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (looked[i].entry) vectors[i] = decode(looked[i].entry->value, embedder().dimension());
    shared_->count(looked[i], vectors[i] != nullptr);
    if (!vectors[i]) continue;
    const cache::SharedEntry& entry = *looked[i].entry;
    memory_.insert(keys[i], vectors[i], bytes_of(*vectors[i]), clock_.now() - looked[i].age,
                   {.cost = entry.cost, .scope = scope});
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(looked[i].age);
    entries.push_back({keys[i], scope, entry.value, age});
  }
  if (shelf_ != nullptr && !entries.empty()) shelf_->insert_many(std::move(entries));
  co_return vectors;
}

net::Task<void> EmbeddingCache::share(std::string tenant, std::vector<Hash128> keys,
                                      std::vector<TextVectorPtr> vectors, Duration cost) {
  std::vector<cache::SharedTier::Put> puts;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    puts.push_back(
        {keys[i], {.value = encode(*vectors[i]), .stored = clock_.wall_now(), .cost = cost}});
  }
  vectors.clear();
  co_await shared_->put_many(scope_of(tenant), std::move(puts));
}

void EmbeddingCache::insert(std::string_view tenant, std::span<const Hash128> keys,
                            std::span<const TextVectorPtr> vectors, Duration cost) {
  const cache::EntryNotes notes{.cost = cost, .scope = scope_of(tenant)};
  std::vector<cache::Shelf::Entry> entries;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    memory_.insert(keys[i], vectors[i], bytes_of(*vectors[i]), clock_.now(), notes);
    if (shelf_ != nullptr) entries.push_back({keys[i], notes.scope, encode(*vectors[i])});
  }
  if (shelf_ != nullptr) shelf_->insert_many(std::move(entries));
}

// The shelf first: what it has may be read into memory at any time.
std::size_t EmbeddingCache::purge(std::optional<std::uint32_t> tenant) {
  const auto scope = tenant ? std::optional(cache::scope_of(*tenant, 0)) : std::nullopt;
  const std::size_t on_shelf = shelf_ != nullptr ? shelf_->purge(scope) : 0;
  return on_shelf + memory_.purge({.tenant = tenant});
}

EmbeddingCacheStats EmbeddingCache::stats() const {
  EmbeddingCacheStats stats{.memory = memory_.stats(),
                            .shelf_hits = shelf_hits_.value(),
                            .coalesced = coalesced_.value(),
                            .saved_tokens = saved_tokens_.value()};
  if (reads_) stats.queued_reads = reads_->queued();
  if (reads_) stats.rejected_reads = reads_->rejected();
  if (shared_) stats.memory.saved += shared_->stats().saved;
  stats.memory.misses = misses_.value();
  stats.memory.saved_calls = saved_calls_.value();
  return stats;
}

void EmbeddingCache::stop() {
  if (reads_) reads_->stop();
}

} // namespace raglan::model
