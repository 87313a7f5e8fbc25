// How many SQL statements were executed: raglan_store_statements_total.
//
// Thread safety: all members, from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace raglan::store {

// Statements executed, of all connections that count into it.
struct StatementCounts {
  std::atomic<std::uint64_t> reads = 0; // that leave the database as it is; transactions' ends too
  std::atomic<std::uint64_t> writes = 0;
  std::uint64_t total() const { return reads + writes; }
};

} // namespace raglan::store
