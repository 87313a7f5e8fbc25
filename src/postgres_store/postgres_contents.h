// All that the store in PostgreSQL holds (store/contents.h), read on the primary.
//
// Thread safety: as store.h.
#pragma once

#include "postgres/client.h"
#include "store/contents.h"

namespace raglan::postgres_store {

class PostgresContents final : public store::Contents {
 public:
  PostgresContents(postgres::Client& client, const Clock& clock) : client_(client), clock_(clock) {}

  net::Task<Result<std::vector<store::StoredCollection>>> collections(Deadline deadline) override;
  net::Task<Result<std::vector<store::PreparedDocument>>> documents(store::CollectionKey key,
                                                                    std::vector<std::string> ids,
                                                                    Deadline deadline) override;
  net::Task<Result<std::vector<store::Record>>> records(std::optional<store::RecordKey> after,
                                                        std::uint32_t limit,
                                                        Deadline deadline) override;

 private:
  postgres::Client& client_;
  const Clock& clock_;
};

} // namespace raglan::postgres_store
