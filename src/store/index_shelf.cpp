#include "store/index_shelf.h"

#include "base/log.h"

namespace raglan::store {

std::shared_ptr<IndexShelf::Entry> IndexShelf::entry(const CollectionKey& key,
                                                     const CollectionRow& row) {
  return entries_.with([&](Entries& entries) {
    std::shared_ptr<Entry>& entry = entries[row.id];
    if (entry == nullptr) {
      entry.reset(new Entry{key, LiveIndex({key.tenant, row.id, row.dimension},
                                           {store_epoch_, row.embedder_id, row.dimension},
                                           folder_ / fmt::format("{}.index", row.id), config_)});
    }
    return entry;
  });
}

Result<std::shared_ptr<const CollectionIndex>> IndexShelf::at_least(
    Connection& connection, const CollectionKey& key, const CollectionRow& row,
    const LiveIndex::Progress& progress) {
  return entry(key, row)->index.at_least(connection, row.seq, progress);
}

void IndexShelf::keep_level(Reader& reader) {
  for (const auto& [collection_id, kept] : entries()) {
    if (kept->index.loaded()) keep_level(reader, collection_id, *kept);
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

void IndexShelf::keep_level(Reader& reader, std::int64_t collection_id, Entry& kept) {
  auto row = reader.collection(kept.key);
  const bool gone = row ? row->id != collection_id // deleted and created again
                        : row.error().code == ErrorCode::kNotFound;
  if (gone) {
    entries_.with([&](Entries& entries) { entries.erase(collection_id); });
    kept.index.erase_snapshot();
    return;
  }
  if (!row) return; // the next search reports what is wrong
  (void)kept.index.at_least(reader.connection(), row->seq);
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
