// The embedded store's records behind the seam: its calls block, so they run on an executor.
//
// Thread safety: as store.h. The store must outlive the executor's work.
#pragma once

#include <utility>

#include "net/offload.h"
#include "store/embedded_store.h"
#include "store/records.h"

namespace raglan::store {

class OffloadedRecords final : public Records {
 public:
  OffloadedRecords(EmbeddedStore& store, net::Submit executor, const Clock& clock)
      : store_(store), executor_(std::move(executor)), clock_(clock) {}

  net::Task<Result<std::uint64_t>> write(RecordWrite write, Deadline deadline) override;
  net::Task<Result<std::optional<Record>>> read(RecordKey key, Deadline deadline) override;
  net::Task<Result<bool>> erase(RecordKey key, std::optional<std::uint64_t> expected,
                                Deadline deadline) override;
  net::Task<Result<std::vector<Record>>> list(std::string kind, std::string tenant,
                                              std::string after_id, std::uint32_t limit,
                                              Deadline deadline) override;
  net::Task<Result<std::vector<Record>>> list_all(std::string kind, std::uint32_t limit,
                                                  Deadline deadline) override;
  net::Task<Result<std::uint64_t>> digest(std::string kind, Deadline deadline) override;

 private:
  EmbeddedStore& store_;
  const net::Submit executor_;
  const Clock& clock_;
};

} // namespace raglan::store
