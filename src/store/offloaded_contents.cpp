#include "store/offloaded_contents.h"

namespace raglan::store {

net::Task<Result<std::vector<StoredCollection>>> OffloadedContents::collections(Deadline deadline) {
  auto work = [&store = store_] { return store.stored_collections(); };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

net::Task<Result<std::vector<PreparedDocument>>> OffloadedContents::documents(
    CollectionKey key, std::vector<std::string> ids, Deadline deadline) {
  auto work = [&store = store_, key = std::move(key), ids = std::move(ids)] {
    return store.prepared_documents(key, ids);
  };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

net::Task<Result<std::vector<Record>>> OffloadedContents::records(std::optional<RecordKey> after,
                                                                  std::uint32_t limit,
                                                                  Deadline deadline) {
  auto work = [&store = store_, after = std::move(after), limit] {
    return store.list_records_after(after, limit);
  };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

} // namespace raglan::store
