// The embedded store's records behind the seam: its calls block, so they run on executors. Reads
// wait behind no write, which holds its thread until its commit: who asks may be waiting to be
// known by its API key.
//
// Thread safety: as store.h. The store must outlive the executors' work.
#pragma once

#include <utility>

#include "net/offload.h"
#include "store/embedded_store.h"
#include "store/records.h"

namespace raglan::store {

class OffloadedRecords final : public Records {
 public:
  OffloadedRecords(EmbeddedStore& store, net::Submit reads, net::Submit writes, const Clock& clock)
      : store_(store), reads_(std::move(reads)), writes_(std::move(writes)), clock_(clock) {}

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
  const net::Submit reads_;
  const net::Submit writes_;
  const Clock& clock_;
};

} // namespace raglan::store
