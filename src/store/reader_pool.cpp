#include "store/reader_pool.h"

#include <utility>

namespace raglan::store {
namespace {

constexpr std::size_t kMaxKnownCollections = 4096;

} // namespace

Result<CollectionRow> Reader::collection(const CollectionKey& key) {
  auto stamp = connection_.commit_stamp();
  if (!stamp) return forward_error(stamp);
  if (*stamp != known_at_ || known_.size() >= kMaxKnownCollections) known_.clear();
  known_at_ = *stamp;
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  auto row = find_collection(connection_, key);
  if (row) known_.emplace(key, *row);
  return row;
}

Result<ReaderPool::Lease> ReaderPool::acquire() {
  {
    std::unique_lock lock(mutex_);
    const bool free = returned_.wait_for(lock, config_.connection.busy_timeout, [&] {
      return !idle_.empty() || opened_ < config_.max_readers;
    });
    if (!free) return fail(ErrorCode::kOverloaded, "the store is busy with other reads");
    if (!idle_.empty()) {
      Reader* reader = idle_.back().release();
      idle_.pop_back();
      return Lease(reader, GiveBack{this});
    }
    ++opened_;
  }
  auto connection = Connection::open(config_.path, config_.connection);
  if (!connection) {
    forget_opened();
    return forward_error(connection);
  }
  return Lease(std::make_unique<Reader>(std::move(*connection)).release(), GiveBack{this});
}

Result<CollectionRow> ReaderPool::collection(const CollectionKey& key) {
  auto reader = acquire();
  if (!reader) return forward_error(reader);
  return (*reader)->collection(key);
}

void ReaderPool::give_back(Reader* reader) {
  {
    const std::lock_guard lock(mutex_);
    idle_.emplace_back(reader);
  }
  returned_.notify_one();
}

void ReaderPool::forget_opened() {
  {
    const std::lock_guard lock(mutex_);
    --opened_;
  }
  returned_.notify_one();
}

} // namespace raglan::store
