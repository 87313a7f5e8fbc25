#include "store/index_shelf.h"

#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace raglan::store {
namespace {

constexpr std::string_view kSuffix = ".index";

std::filesystem::path snapshot_path(const std::filesystem::path& folder,
                                    std::int64_t collection_id) {
  return folder / fmt::format("{}{}", collection_id, kSuffix);
}

// Nothing when it is no snapshot's name.
std::optional<std::int64_t> collection_of(const std::filesystem::path& path) {
  if (path.extension() != kSuffix) return std::nullopt;
  const std::string stem = path.stem();
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), id);
  if (error != std::errc() || end != stem.data() + stem.size()) return std::nullopt;
  return id;
}

// False only when it is certain.
bool exists(Connection& connection, std::int64_t collection_id) {
  auto select =
      connection.prepare("SELECT 1 FROM collections WHERE collection_id = ? AND tenant <> ''");
  if (!select) return true;
  select->bind(collection_id);
  auto row = select->step();
  return !row || *row;
}

} // namespace

// A file that is seen belongs to a collection that has been committed: asking afterwards is safe.
void sweep_snapshots_of_dropped(const std::filesystem::path& folder, Connection& connection) {
  std::error_code error;
  std::error_code ignored;
  for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    const auto collection_id = collection_of(file->path());
    if (collection_id && !exists(connection, *collection_id)) {
      std::filesystem::remove(file->path(), ignored);
    }
  }
}

std::shared_ptr<IndexShelf::Entry> IndexShelf::entry(const CollectionKey& key,
                                                     const CollectionRow& row) {
  return entries_.with([&](Entries& entries) {
    std::shared_ptr<Entry>& entry = entries[row.id];
    if (entry == nullptr) {
      entry.reset(new Entry{key, LiveIndex({key.tenant, row.id, row.dimension},
                                           {store_epoch_, row.embedder_id, row.dimension},
                                           snapshot_path(folder_, row.id), config_)});
    }
    return entry;
  });
}

Result<std::shared_ptr<const CollectionIndex>> IndexShelf::at_least(
    ReaderPool& readers, const CollectionKey& key, const CollectionRow& row,
    const LiveIndex::Progress& progress) {
  return entry(key, row)->index.at_least(readers, row.seq, progress);
}

void IndexShelf::want(const CollectionKey& key) {
  wanted_.with([&](auto& wanted) { wanted.insert(key); });
}

void IndexShelf::load_wanted(ReaderPool& readers, const std::function<bool()>& stopped) {
  const auto wanted = wanted_.with([](auto& all) { return std::exchange(all, {}); });
  for (const CollectionKey& key : wanted) {
    if (stopped()) return;
    // Whatever fails here, the next write asks again.
    auto row = readers.collection(key);
    if (row && row->dimension > 0) {
      (void)at_least(readers, key, *row, [&](std::size_t) { return !stopped(); });
    }
  }
}

void IndexShelf::keep_level(ReaderPool& readers) {
  for (const auto& [collection_id, kept] : entries()) {
    if (kept->index.loaded()) keep_level(readers, collection_id, *kept);
  }
}

void IndexShelf::fold(std::uint64_t save_after_chunks, const std::function<bool()>& stopped) {
  for (const auto& [collection_id, kept] : entries()) {
    if (stopped()) return;
    kept->index.fold(stopped);
    if (auto ok = kept->index.save(save_after_chunks); !ok) {
      log_warning("index snapshot not saved",
                  {{"collection", collection_id}, {"reason", ok.error().message}});
    }
  }
}

void IndexShelf::keep_level(ReaderPool& readers, std::int64_t collection_id, Entry& kept) {
  auto row = readers.collection(kept.key);
  const bool gone = row ? row->id != collection_id // deleted and created again
                        : row.error().code == ErrorCode::kNotFound;
  if (gone) {
    entries_.with([&](Entries& entries) { entries.erase(collection_id); });
    kept.index.erase_snapshot();
    return;
  }
  if (!row) return; // the next search reports what is wrong
  (void)kept.index.at_least(readers, row->seq);
}

void IndexShelf::for_each_loaded(
    const std::function<void(const CollectionIndex&)>& function) const {
  for (const auto& [collection_id, kept] : entries()) {
    if (const auto index = kept->index.current()) function(*index);
  }
}

Result<> IndexShelf::save(std::uint64_t min_chunks) {
  Result<> first;
  for (const auto& [collection_id, kept] : entries()) {
    auto ok = kept->index.save(min_chunks);
    if (!ok && first) first = std::move(ok);
  }
  return first;
}

} // namespace raglan::store
