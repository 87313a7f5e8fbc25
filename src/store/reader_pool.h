// The connections for reading: opened when first needed, at most `max_readers`, each used by one
// thread at a time.
//
//   auto reader = pool.acquire();
//   if (!reader) return forward_error(reader);
//   auto row = (*reader)->collection(key);
//
// Thread safety: ReaderPool any thread; a Reader only the thread that holds its lease. Leases must
// not outlive the pool.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "store/collection_table.h"
#include "store/sqlite.h"
#include "store/types.h"

namespace raglan::store {

class Reader {
 public:
  explicit Reader(Connection connection) : connection_(std::move(connection)) {}
  Connection& connection() { return connection_; }

  // The collection as of the last commit of any process. Rows are kept while nothing is
  // committed: then this reads a few bytes of memory only. kNotFound.
  Result<CollectionRow> collection(const CollectionKey& key);

 private:
  Connection connection_;
  CommitStamp known_at_;
  std::map<CollectionKey, CollectionRow> known_; // as of known_at_, or later
};

class ReaderPool {
 public:
  struct Config {
    std::filesystem::path path;
    std::size_t max_readers; // as StoreConfig says
    Connection::Options connection;
  };
  explicit ReaderPool(Config config) : config_(std::move(config)) {}

  struct GiveBack {
    ReaderPool* pool;
    void operator()(Reader* reader) const { pool->give_back(reader); }
  };
  using Lease = std::unique_ptr<Reader, GiveBack>;

  // Waits at most busy_timeout for a reader; then kOverloaded.
  Result<Lease> acquire();
  // What `read` reads, by a reader that is given back at once.
  template <typename F>
  std::invoke_result_t<F&, Connection&> read(F read) {
    auto reader = acquire();
    if (!reader) return forward_error(reader);
    return read((*reader)->connection());
  }
  // As Reader::collection, by a reader that is given back at once.
  Result<CollectionRow> collection(const CollectionKey& key);

 private:
  void give_back(Reader* reader);
  void forget_opened();

  const Config config_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> idle_; // guarded by mutex_
  std::size_t opened_ = 0;                    // likewise: idle or leased
};

} // namespace raglan::store
