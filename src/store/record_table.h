// The records (records.h) in SQLite.
//
// Writes run inside the writer's transaction; reads, outside of one, see the last commit.
#pragma once

#include "store/records.h"
#include "store/sqlite.h"

namespace raglan::store {

// kConflict. Removes some that have expired, too.
Result<> write_record(Connection& connection, const RecordWrite& write, std::uint64_t version,
                      WallTime now);
// kConflict.
Result<bool> erase_record(Connection& connection, const RecordKey& key,
                          std::optional<std::uint64_t> expected, WallTime now);

// kConflict when it does not hold.
Result<> check_guard(Connection& connection, const RecordGuard& guard, WallTime now);

Result<std::optional<Record>> read_record(Connection& connection, const RecordKey& key,
                                          WallTime now);
Result<std::vector<Record>> list_records(Connection& connection, std::string_view kind,
                                         std::string_view tenant, std::string_view after_id,
                                         std::uint32_t limit, WallTime now);
Result<std::vector<Record>> list_all_records(Connection& connection, std::string_view kind,
                                             std::uint32_t limit, WallTime now);
// Of all kinds and tenants, as Contents says (contents.h).
Result<std::vector<Record>> list_records_after(Connection& connection,
                                               const std::optional<RecordKey>& after,
                                               std::uint32_t limit, WallTime now);
Result<std::uint64_t> record_digest(Connection& connection, std::string_view kind);

} // namespace raglan::store
