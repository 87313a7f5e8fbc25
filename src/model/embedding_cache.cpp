#include "model/embedding_cache.h"

#include <bit>
#include <cstring>
#include <utility>

namespace raglan::model {
namespace {

// What a value is on the shelf: the number of tokens and the floats, all of four bytes, little
// endian. Of the format's version the key knows: kShelfFormat.
static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t kShelfFormat = 1;
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

EmbeddingCache::EmbeddingCache(EmbeddingQueue& queue, cache::LocalCacheConfig config,
                               cache::Shelf* shelf, const Clock& clock)
    : queue_(queue), shelf_(config.enabled ? shelf : nullptr), clock_(clock), memory_(config) {
  if (shelf_ == nullptr) return;
  reads_.emplace(runtime::ExecutorConfig{"shelf", 1, kMaxQueuedReads});
  read_shelf_ = [this](std::function<void()> work) { return reads_->try_submit(std::move(work)); };
}

Hash128 EmbeddingCache::key(std::string_view tenant, std::string_view text) const {
  return Hasher().add(kShelfFormat).add(embedder().id()).add(tenant).add(text).finish();
}

std::uint64_t EmbeddingCache::scope_of(std::string_view tenant) {
  return std::hash<Hash128>()(hash128(tenant));
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

std::size_t EmbeddingCache::purge(const std::optional<std::string>& tenant) {
  const auto scope = tenant ? std::optional(scope_of(*tenant)) : std::nullopt;
  const std::size_t removed = memory_.purge({.key = std::nullopt, .scope = scope});
  return removed + (shelf_ != nullptr ? shelf_->purge(scope) : 0);
}

EmbeddingCacheStats EmbeddingCache::stats() const {
  EmbeddingCacheStats stats{.memory = memory_.stats(),
                            .shelf_hits = shelf_hits_.value(),
                            .coalesced = coalesced_.value(),
                            .saved_tokens = saved_tokens_.value()};
  if (reads_) stats.queued_reads = reads_->queued();
  if (reads_) stats.rejected_reads = reads_->rejected();
  stats.memory.misses = misses_.value();
  stats.memory.saved_calls = saved_calls_.value();
  return stats;
}

void EmbeddingCache::stop() {
  if (reads_) reads_->stop();
}

} // namespace raglan::model
