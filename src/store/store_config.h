// What an operator can set about the embedded store. The member initializers are the only defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "config/table.h"

namespace raglan::store {

struct StoreConfig {
  // Connections for reading; as many searches and reads run at the same time.
  std::size_t readers = 8;
  // How long a statement waits for another process's write, and a read for a free connection.
  std::chrono::milliseconds busy_timeout{5000};
  // Writes that may wait for the writer; more are refused (kOverloaded).
  std::size_t write_queue = 1024;
  // The largest metadata object.
  std::size_t max_metadata_bytes = 64 * 1024;
  // The write-ahead log is folded into the database when it is larger.
  std::uint64_t checkpoint_bytes = 32 * 1024 * 1024;
  // Changes that the log keeps of each collection (and for a while up to 1000 more): an index that
  // is further behind is built anew. Five times what a living node lets its snapshot fall behind;
  // some 15 MB of the file.
  std::uint64_t change_log_max = 100'000;
  // Files up to this size are checked page by page when they are opened; larger ones only for being
  // cut short.
  std::uint64_t check_at_open_bytes = 64 * 1024 * 1024;
  // A snapshot of an index is saved in the background after so many chunks changed, ...
  std::uint64_t snapshot_after_chunks = 20'000;
  // ... and at close after so many: fewer are quicker to replay than to save.
  std::uint64_t snapshot_at_close_chunks = 1'000;
  // How often the upkeep thread looks for changes of other processes.
  std::chrono::milliseconds upkeep_interval{250};
};

inline void describe(config::Table<StoreConfig>& table) {
  using std::chrono::milliseconds;
  table
      .field("readers", &StoreConfig::readers,
             "connections for reading; as many searches and reads run at the same time")
      .min(1)
      .max(256);
  table
      .field("busy_timeout", &StoreConfig::busy_timeout,
             "how long a statement waits for another process's write")
      .min(milliseconds(1))
      .max(std::chrono::minutes(10));
  table
      .field("write_queue", &StoreConfig::write_queue,
             "writes that may wait for the writer; more are answered 503")
      .min(1)
      .max(1'000'000);
  table
      .bytes("max_metadata_bytes", &StoreConfig::max_metadata_bytes,
             "the largest metadata object of a document")
      .min(2)
      .max(16 * 1024 * 1024);
  table
      .bytes("checkpoint_bytes", &StoreConfig::checkpoint_bytes,
             "the write-ahead log is folded into the database when it is larger")
      .min(64 * 1024);
  table
      .field("change_log_max", &StoreConfig::change_log_max,
             "changes that the log keeps of each collection; an index that is further behind is "
             "built anew")
      .min(1)
      .max(1'000'000'000);
  table.bytes("check_at_open_bytes", &StoreConfig::check_at_open_bytes,
              "files up to this size are checked page by page when they are opened");
  table.field("snapshot_after_chunks", &StoreConfig::snapshot_after_chunks,
              "an index is saved in the background after so many chunks changed");
  table.field("snapshot_at_close_chunks", &StoreConfig::snapshot_at_close_chunks,
              "and at the end after so many");
  table
      .field("upkeep_interval", &StoreConfig::upkeep_interval,
             "how often changes of other processes are looked for in the background")
      .min(milliseconds(10))
      .max(std::chrono::hours(1));
}

} // namespace raglan::store
