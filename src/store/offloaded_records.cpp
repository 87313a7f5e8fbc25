#include "store/offloaded_records.h"

namespace raglan::store {

net::Task<Result<std::uint64_t>> OffloadedRecords::write(RecordWrite write, Deadline deadline) {
  auto work = [&store = store_, write = std::move(write)] { return store.write_record(write); };
  co_return co_await net::offload(writes_, std::move(work), deadline, clock_);
}

net::Task<Result<std::optional<Record>>> OffloadedRecords::read(RecordKey key, Deadline deadline) {
  auto work = [&store = store_, key = std::move(key)] { return store.read_record(key); };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

net::Task<Result<bool>> OffloadedRecords::erase(RecordKey key,
                                                std::optional<std::uint64_t> expected,
                                                Deadline deadline) {
  auto work = [&store = store_, key = std::move(key), expected] {
    return store.erase_record(key, expected);
  };
  co_return co_await net::offload(writes_, std::move(work), deadline, clock_);
}

net::Task<Result<std::vector<Record>>> OffloadedRecords::list(std::string kind, std::string tenant,
                                                              std::string after_id,
                                                              std::uint32_t limit,
                                                              Deadline deadline) {
  auto work = [&store = store_, kind = std::move(kind), tenant = std::move(tenant),
               after = std::move(after_id),
               limit] { return store.list_records(kind, tenant, after, limit); };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

net::Task<Result<std::vector<Record>>> OffloadedRecords::list_all(std::string kind,
                                                                  std::uint32_t limit,
                                                                  Deadline deadline) {
  auto work = [&store = store_, kind = std::move(kind), limit] {
    return store.list_all_records(kind, limit);
  };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

net::Task<Result<std::uint64_t>> OffloadedRecords::digest(std::string kind, Deadline deadline) {
  auto work = [&store = store_, kind = std::move(kind)] { return store.record_digest(kind); };
  co_return co_await net::offload(reads_, std::move(work), deadline, clock_);
}

} // namespace raglan::store
