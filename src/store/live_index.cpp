#include "store/live_index.h"

#include <system_error>

#include "base/log.h"

namespace raglan::store {
namespace {

Result<LogSpan> read_log_span(Connection& connection, const FeedSource& source) {
  auto select = connection.prepare(
      "SELECT pruned_seq, seq, nonce FROM collections WHERE tenant = ? AND collection_id = ?");
  if (!select) return forward_error(select);
  select->bind(std::string_view(source.tenant), source.collection_id);
  auto row = select->step();
  if (!row) return forward_error(row);
  if (!*row) return fail(ErrorCode::kNotFound, "no such collection", "collection");
  return LogSpan{select->unsigned_integer(0), select->unsigned_integer(1),
                 select->unsigned_integer(2)};
}

// Whether the collection's history has this commit. When the log does not go back to it: yes.
bool in_history(Connection& connection, const FeedSource& source, const CollectionIndex& index,
                const LogSpan& log) {
  if (index.seq() == log.last_seq) return index.nonce() == log.last_nonce;
  auto select = connection.prepare(
      "SELECT nonce FROM changes WHERE tenant = ? AND collection_id = ? AND seq = ?");
  if (!select) return false;
  select->bind(std::string_view(source.tenant), source.collection_id, index.seq());
  auto row = select->step();
  if (!row) return false;
  if (!*row) return index.seq() == log.pruned_seq;
  return select->unsigned_integer(0) == index.nonce();
}

} // namespace

Result<std::shared_ptr<const CollectionIndex>> LiveIndex::at_least(ReaderPool& readers,
                                                                   std::uint64_t seq,
                                                                   const Progress& progress) {
  if (auto index = current(); index != nullptr && index->seq() >= seq) return index;
  const std::lock_guard lock(catching_up_);
  auto index = mine();
  if (index != nullptr && index->seq() >= seq) return index;

  auto reader = readers.acquire();
  if (!reader) return forward_error(reader);
  Connection& connection = (*reader)->connection();
  auto snapshot = ReadTransaction::begin(connection);
  if (!snapshot) return forward_error(snapshot);
  auto log = read_log_span(connection, source_);
  if (!log) return forward_error(log);
  if (index == nullptr) index = load_snapshot(connection, *log);
  if (index == nullptr || index->seq() < log->pruned_seq) {
    index = std::make_shared<CollectionIndex>(source_.dimension, config_);
  }
  if (index->seq() < log->last_seq) {
    if (auto ok = catch_up(connection, *index, *log, progress); !ok) {
      // It may have been given some of the chunks: the next search starts over.
      index_.with([](auto& published) { published = nullptr; });
      return forward_error(ok);
    }
  }
  index_.with([&](auto& published) { published = index; });
  return index;
}

// A snapshot from after the last commit belongs to another history of this file: a restored backup.
// What cannot be used is deleted: new writes might bring that history to the same seq again.
std::shared_ptr<CollectionIndex> LiveIndex::load_snapshot(Connection& connection,
                                                          const LogSpan& log) {
  auto loaded = CollectionIndex::load(snapshot_path_, stamp_, config_);
  if (!loaded && loaded.error().code == ErrorCode::kNotFound) return nullptr;
  std::string_view reason;
  if (!loaded) {
    reason = loaded.error().message;
  } else if ((*loaded)->seq() > log.last_seq) {
    reason = "too new";
  } else if ((*loaded)->seq() < log.pruned_seq) {
    reason = "older than the change log";
  } else if (!in_history(connection, source_, **loaded, log)) {
    reason = "of another history of the file";
  } else {
    return std::move(*loaded);
  }
  log_info("index snapshot not used", {{"collection", source_.collection_id}, {"reason", reason}});
  erase_snapshot();
  return nullptr;
}

Result<> LiveIndex::catch_up(Connection& connection, CollectionIndex& index, const LogSpan& log,
                             const Progress& progress) {
  const std::uint64_t from_seq = index.seq();
  IndexBatch batch;
  const auto count_batch = [&]() -> Result<> {
    unsaved_chunks_ += batch.size();
    const bool go_on = !progress || progress(batch.size());
    batch.clear();
    if (!go_on) return fail(ErrorCode::kDraining, "loading the index was given up");
    return {};
  };
  auto ok = read_added_chunks(connection, source_, from_seq, batch, [&] {
    index.apply_ahead(batch.entries());
    return count_batch();
  });
  if (!ok) return ok;
  auto removed = read_removed_chunks(connection, source_, from_seq);
  if (!removed) return forward_error(removed);
  index.apply(batch.entries(), *removed, log.last_seq, log.last_nonce);
  (void)count_batch(); // all is there: nothing is left to give up
  unsaved_chunks_ += removed->size();
  return {};
}

void LiveIndex::fold(const std::function<bool()>& stopped) {
  while (const auto index = mine()) {
    const auto folded = index->fold(stopped);
    if (!folded) return;
    if (folded->graph) unsaved_chunks_ += index->graph_size();
  }
}

Result<> LiveIndex::save(std::uint64_t min_chunks) {
  const std::lock_guard lock(saving_);
  const auto index = current();
  const std::uint64_t unsaved = unsaved_chunks_;
  if (index == nullptr || unsaved == 0 || unsaved < min_chunks) return {};
  auto ok = index->save(snapshot_path_, stamp_);
  if (!ok && ok.error().code == ErrorCode::kConflict) return {}; // catching up: next time
  if (ok) unsaved_chunks_ -= unsaved;
  return ok;
}

void LiveIndex::erase_snapshot() {
  const std::lock_guard lock(saving_);
  std::error_code ignored;
  std::filesystem::remove(snapshot_path_, ignored);
}

} // namespace raglan::store
