#include "app/stored_shelf.h"

#include "base/log.h"

namespace raglan::app {
namespace {

constexpr std::string_view kFileName = "embeddings.db";

} // namespace

std::unique_ptr<StoredShelf> StoredShelf::open(const Settings& settings,
                                               const std::filesystem::path& folder,
                                               std::string_view embedder_id, const Clock& clock) {
  const cache::LocalCacheConfig& cache = settings.embedding_cache;
  if (!cache.enabled || settings.embedding_shelf.disk_bytes == 0) return nullptr;
  auto shelf = store::EmbeddingShelf::open(folder / kFileName, std::string(embedder_id),
                                           settings.embedding_shelf, cache.ttl, clock);
  if (!shelf) {
    log_warning("vectors are not kept on disk", {{"reason", shelf.error().message}});
    return nullptr;
  }
  return std::unique_ptr<StoredShelf>(new StoredShelf(std::move(*shelf)));
}

std::vector<std::optional<cache::Shelf::Found>> StoredShelf::find_many(
    std::span<const Hash128> keys) {
  std::vector<std::optional<Found>> found;
  for (auto& value : shelf_->find_many(keys)) {
    found.push_back(value ? std::optional<Found>({std::move(value->value), value->age})
                          : std::nullopt);
  }
  return found;
}

void StoredShelf::insert_many(std::vector<Entry> entries) {
  std::vector<store::EmbeddingShelf::Entry> moved;
  moved.reserve(entries.size());
  for (Entry& entry : entries) {
    moved.push_back({entry.key, entry.scope, std::move(entry.value), entry.age});
  }
  shelf_->insert_many(std::move(moved));
}

} // namespace raglan::app
