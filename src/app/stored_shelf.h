// Binds the seam by which a cache outlives its process (cache/shelf.h) to the file that store/
// keeps beside the database (store/embedding_shelf.h): neither folder knows the other.
//
// Thread safety: that of the shelf.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "app/settings.h"
#include "cache/shelf.h"
#include "store/embedding_shelf.h"

namespace raglan::app {

class StoredShelf final : public cache::Shelf {
 public:
  // Null when the settings want none, and when it cannot be opened: a line in the log says why, and
  // vectors are kept in memory alone.
  static std::unique_ptr<StoredShelf> open(const Settings& settings,
                                           const std::filesystem::path& folder,
                                           std::string_view embedder_id, const Clock& clock);

  std::vector<std::optional<Found>> find_many(std::span<const Hash128> keys) override;
  void insert_many(std::vector<Entry> entries) override;
  std::size_t purge(std::optional<std::uint64_t> scope) override { return shelf_->purge(scope); }

  store::EmbeddingShelfStats stats() const { return shelf_->stats(); }
  // Writes what waits.
  void close() { shelf_->close(); }

 private:
  explicit StoredShelf(std::unique_ptr<store::EmbeddingShelf> shelf) : shelf_(std::move(shelf)) {}
  std::unique_ptr<store::EmbeddingShelf> shelf_;
};

} // namespace raglan::app
