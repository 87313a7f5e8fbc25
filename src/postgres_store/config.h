// What an operator can set about the store in PostgreSQL, beside its pool and its breaker. The
// member initializers are the only defaults.
#pragma once

#include <chrono>

#include "config/table.h"
#include "policy/read_rotation.h"
#include "postgres/client.h"

namespace raglan::postgres_store {

struct Config {
  postgres::ClientConfig client; // of the primary, and of each replica
  policy::ReadRotationConfig rotation;
  // How old a generation may be by which an answer is found in a cache, or a search on a replica
  // is new enough.
  std::chrono::milliseconds max_staleness{0};
  std::size_t postings_cache_bytes = 64 << 20;
};

inline void describe(config::Table<Config>& table) {
  using std::chrono::milliseconds;
  table
      .field("max_staleness", &Config::max_staleness,
             "with PostgreSQL: for how long an answer from a cache or a read replica may miss what "
             "other nodes have written since; 0 asks the database before each")
      .max(std::chrono::hours(1));
  table.bytes(
      "postings_cache_bytes", &Config::postings_cache_bytes,
      "with PostgreSQL: memory for postings that are kept of those fetched, some 5 bytes for "
      "each chunk that holds a term, and 20 where few do; 0 fetches them for each search");
}

} // namespace raglan::postgres_store
