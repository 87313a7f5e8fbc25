// The records (store/records.h) in PostgreSQL: one statement a call, on the primary. Those that
// have expired are removed now and then, behind the writes.
//
// Thread safety: as store.h. The client must outlive it.
#pragma once

#include <atomic>

#include "postgres/client.h"
#include "store/records.h"

namespace raglan::postgres_store {

// Inside a transaction: one row while the guard holds, which it then does until the end.
postgres::Statement holding(const store::RecordGuard& guard, WallTime now);

// Of all kinds and tenants, as store::Contents says; and what came of it.
postgres::Statement select_records_after(const std::optional<store::RecordKey>& after,
                                         std::uint32_t limit, WallTime now);
std::vector<store::Record> read_records(const postgres::Rows& rows);

class PostgresRecords final : public store::Records {
 public:
  PostgresRecords(postgres::Client& client, const Clock& clock) : client_(client), clock_(clock) {}

  net::Task<Result<std::uint64_t>> write(store::RecordWrite write, Deadline deadline) override;
  net::Task<Result<std::optional<store::Record>>> read(store::RecordKey key,
                                                       Deadline deadline) override;
  net::Task<Result<bool>> erase(store::RecordKey key, std::optional<std::uint64_t> expected,
                                Deadline deadline) override;
  net::Task<Result<std::vector<store::Record>>> list(std::string kind, std::string tenant,
                                                     std::string after_id, std::uint32_t limit,
                                                     Deadline deadline) override;
  net::Task<Result<std::vector<store::Record>>> list_all(std::string kind, std::uint32_t limit,
                                                         Deadline deadline) override;
  net::Task<Result<std::uint64_t>> digest(std::string kind, Deadline deadline) override;

 private:
  net::Task<void> sweep();
  std::int64_t now_ms() const;

  postgres::Client& client_;
  const Clock& clock_;
  std::atomic<std::uint32_t> writes_ = 0;
};

} // namespace raglan::postgres_store
