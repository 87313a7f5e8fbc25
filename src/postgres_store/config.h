// What an operator can set about the store in PostgreSQL, beside its pool and its breaker. The
// member initializers are the only defaults.
#pragma once

#include <chrono>

#include "config/table.h"
#include "postgres/client.h"

namespace raglan::postgres_store {

struct Config {
  postgres::ClientConfig client;
  // How old a generation may be by which an answer is found in a cache.
  std::chrono::milliseconds max_staleness{0};
};

inline void describe(config::Table<Config>& table) {
  using std::chrono::milliseconds;
  table
      .field("max_staleness", &Config::max_staleness,
             "with PostgreSQL: for how long an answer from a cache may miss what other nodes have "
             "written since; 0 asks the database before each")
      .max(std::chrono::hours(1));
}

} // namespace raglan::postgres_store
