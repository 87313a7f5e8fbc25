#include "store/embedding_shelf.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/unix_time.h"

namespace raglan::store {
namespace {

constexpr std::size_t kMaxUsed = 4096;  // rows that wait to be moved to the front
constexpr std::size_t kEntryBytes = 64; // of an entry in the queue, beside its value

} // namespace

EmbeddingShelf::EmbeddingShelf(std::filesystem::path path, std::string embedder_id,
                               EmbeddingShelfConfig config, std::chrono::milliseconds ttl,
                               const Clock& clock)
    : path_(std::move(path)),
      embedder_id_(std::move(embedder_id)),
      config_(config),
      ttl_(ttl),
      clock_(clock) {}

EmbeddingShelf::~EmbeddingShelf() { close(); }

Result<std::unique_ptr<EmbeddingShelf>> EmbeddingShelf::open(const std::filesystem::path& path,
                                                             std::string embedder_id,
                                                             EmbeddingShelfConfig config,
                                                             std::chrono::milliseconds ttl,
                                                             const Clock& clock) {
  std::unique_ptr<EmbeddingShelf> shelf(
      new EmbeddingShelf(path, std::move(embedder_id), config, ttl, clock));
  if (auto ok = shelf->open_file(); !ok) return forward_error(ok);
  shelf->writer_ = std::thread([raw = shelf.get()] { raw->run(); });
  return shelf;
}

Result<> EmbeddingShelf::open_file() {
  auto file = open_shelf_file(path_, embedder_id_, config_.disk_bytes, statements_);
  if (!file) return forward_error(file);
  file_ = std::move(*file);
  if (auto ok = look_around(); !ok) return ok;
  const std::lock_guard lock(reader_mutex_);
  reader_ = &file_->reader;
  return {};
}

std::vector<std::optional<EmbeddingShelf::Found>> EmbeddingShelf::find_many(
    std::span<const Hash128> keys) {
  std::vector<std::optional<Found>> found(keys.size());
  const std::lock_guard lock(reader_mutex_);
  if (keys.empty() || reader_ == nullptr) return found;
  auto rows = read_shelf_rows(*reader_, keys);
  if (!rows) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (rows.error().code == ErrorCode::kCorrupt) ask_for_renewal();
    return found;
  }
  const std::int64_t now_ms = to_unix_milliseconds(clock_.wall_now());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!(*rows)[i]) continue;
    auto& [id, made_ms, value] = *(*rows)[i];
    const std::chrono::milliseconds age(std::max<std::int64_t>(0, now_ms - made_ms));
    if (ttl_.count() > 0 && age >= ttl_) continue;
    note_used(id, keys[i]);
    found[i] = {.value = std::move(value), .age = age};
  }
  return found;
}

void EmbeddingShelf::ask_for_renewal() {
  const std::lock_guard lock(mutex_);
  damaged_ = true;
  wake_.notify_one();
}

void EmbeddingShelf::note_used(std::int64_t id, const Hash128& key) {
  if (id >= old_ids_end_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (closing_ || used_.size() == kMaxUsed) return;
  used_.push_back(key);
  wake_.notify_one();
}

void EmbeddingShelf::insert_many(std::vector<Entry> entries) {
  std::size_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    for (Entry& entry : entries) {
      const std::size_t bytes = entry.value.size() + kEntryBytes;
      if (closing_ || waiting_bytes_ + bytes > kMaxQueuedBytes) {
        ++dropped;
        continue;
      }
      waiting_bytes_ += bytes;
      waiting_.push_back(std::move(entry));
    }
  }
  wake_.notify_one();
  dropped_.fetch_add(dropped, std::memory_order_relaxed);
}

std::uint64_t EmbeddingShelf::purge(std::optional<std::uint64_t> scope) {
  Purge purge{.scope = scope, .removed = {}};
  auto removed = purge.removed.get_future();
  std::uint64_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return 0;
    dropped = std::erase_if(waiting_, [&](const Entry& entry) {
      const bool goes = !scope || entry.scope == *scope;
      if (goes) waiting_bytes_ -= entry.value.size() + kEntryBytes;
      return goes;
    });
    purges_.push_back(std::move(purge));
  }
  wake_.notify_one();
  return dropped + removed.get();
}

EmbeddingShelfStats EmbeddingShelf::stats() const {
  return {.file_bytes = file_bytes_.load(),
          .evicted = evicted_.load(),
          .dropped = dropped_.load(),
          .failures = failures_.load(),
          .statements = statements_.total()};
}

void EmbeddingShelf::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (writer_.joinable()) writer_.join();
  const std::lock_guard lock(reader_mutex_);
  reader_ = nullptr;
  file_.reset();
}

void EmbeddingShelf::run() {
  while (auto batch = take_batch()) write(*batch);
}

std::optional<EmbeddingShelf::Batch> EmbeddingShelf::take_batch() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] {
    return closing_ || damaged_ || !waiting_.empty() || !used_.empty() || !purges_.empty();
  });
  if (closing_ && waiting_.empty() && purges_.empty()) return std::nullopt;
  Batch batch;
  batch.purges = std::exchange(purges_, {});
  const std::size_t used = std::min(used_.size(), kMaxUsedAtOnce);
  batch.used.assign(used_.end() - static_cast<std::ptrdiff_t>(used), used_.end());
  used_.resize(used_.size() - used);
  while (!waiting_.empty() && batch.bytes < kMaxBatchBytes) {
    Entry& entry = waiting_.front();
    batch.bytes += entry.value.size() + kEntryBytes;
    batch.entries.push_back(std::move(entry));
    waiting_.pop_front();
  }
  waiting_bytes_ -= batch.bytes;
  return batch;
}

void EmbeddingShelf::write(Batch& batch) {
  if (damaged_.exchange(false)) renew("it is damaged");
  for (Purge& purge : batch.purges) purge.removed.set_value(remove(purge.scope));
  const bool tries = file_ && clock_.now() >= paused_until_;
  auto ok = tries ? write_in_transaction(batch) : Result<>();
  if (tries && ok) return;
  dropped_.fetch_add(batch.entries.size(), std::memory_order_relaxed);
  if (ok) return;
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (ok.error().code == ErrorCode::kCorrupt) return renew("it is damaged");
  paused_until_ = clock_.now() + kPauseAfterFailure;
  log_warning("vectors are not written to the cache on disk", {{"reason", ok.error().message}});
}

std::uint64_t EmbeddingShelf::remove(std::optional<std::uint64_t> scope) {
  if (!file_) return 0;
  auto removed = purge_shelf_rows(file_->writer, scope);
  if (removed) return *removed;
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (removed.error().code == ErrorCode::kCorrupt) {
    renew("it is damaged");
  } else {
    log_warning("vectors could not be removed from the cache on disk",
                {{"reason", removed.error().message}});
  }
  return 0;
}

Result<> EmbeddingShelf::write_in_transaction(const Batch& batch) {
  Connection& connection = file_->writer;
  if (!connection.check_place()) return fail(ErrorCode::kCorrupt, "the file was moved or removed");
  if (auto ok = connection.run("BEGIN IMMEDIATE"); !ok) return ok;
  auto ok = write_rows(batch);
  if (ok) ok = connection.run("COMMIT");
  if (!ok && connection.in_transaction()) (void)connection.run("ROLLBACK");
  return ok ? look_around() : ok;
}

Result<> EmbeddingShelf::write_rows(const Batch& batch) {
  Connection& connection = file_->writer;
  if (auto ok = move_shelf_rows_to_front(connection, batch.used); !ok) return ok;
  auto evicted = make_shelf_room(connection, batch.bytes, config_.disk_bytes);
  if (!evicted) return forward_error(evicted);
  evicted_.fetch_add(*evicted, std::memory_order_relaxed);
  return insert_shelf_rows(connection, batch.entries, to_unix_milliseconds(clock_.wall_now()));
}

// How large the file is, and which of its rows are old.
Result<> EmbeddingShelf::look_around() {
  auto extent = shelf_extent(file_->writer);
  if (!extent) return forward_error(extent);
  file_bytes_ = extent->file_bytes;
  const bool crowded = extent->used_bytes > config_.disk_bytes / 2;
  const std::int64_t middle = extent->oldest_id + (extent->newest_id - extent->oldest_id) / 2;
  old_ids_end_ = crowded ? middle : 0;
  return {};
}

void EmbeddingShelf::renew(std::string_view reason) {
  if (!file_) return;
  {
    const std::lock_guard lock(reader_mutex_);
    reader_ = nullptr;
  }
  std::optional<FileLock> lock = std::move(file_->lock); // until the file is gone
  file_.reset();
  remove_shelf_file(path_);
  lock.reset();
  log_warning("the cache of embeddings on disk begins anew", {{"reason", reason}});
  if (renewals_++ == kMaxRenewals) return;
  if (auto ok = open_file(); !ok) {
    file_.reset();
    log_warning("vectors are not kept on disk", {{"reason", ok.error().message}});
  }
}

} // namespace raglan::store
