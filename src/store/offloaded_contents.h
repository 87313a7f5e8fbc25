// All that the embedded store holds, behind the seam: its calls block, so they run on an executor.
//
// Thread safety: as store.h. The store must outlive the executor's work.
#pragma once

#include <utility>

#include "net/offload.h"
#include "store/contents.h"
#include "store/embedded_store.h"

namespace raglan::store {

class OffloadedContents final : public Contents {
 public:
  OffloadedContents(EmbeddedStore& store, net::Submit reads, const Clock& clock)
      : store_(store), reads_(std::move(reads)), clock_(clock) {}

  net::Task<Result<std::vector<StoredCollection>>> collections(Deadline deadline) override;
  net::Task<Result<std::vector<PreparedDocument>>> documents(CollectionKey key,
                                                             std::vector<std::string> ids,
                                                             Deadline deadline) override;
  net::Task<Result<std::vector<Record>>> records(std::optional<RecordKey> after,
                                                 std::uint32_t limit, Deadline deadline) override;

 private:
  EmbeddedStore& store_;
  const net::Submit reads_;
  const Clock& clock_;
};

} // namespace raglan::store
