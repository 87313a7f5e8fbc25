// A collection's generation, cheap enough to ask on an event loop before every look into a cache;
// and whether the store is well, for readiness. By a reading connection of its own that never
// waits.
//
//   auto probe = store.generation_probe();         // one for each thread at a time, kept
//   auto generation = (*probe)->generation(key);   // some nanoseconds while nothing is written
//
// While nobody writes, a call compares a few bytes of memory that all processes on the file share
// (commit_stamp.h); after a write, it reads the collection's row once more.
//
// Thread safety: a probe belongs to one thread at a time. It may outlive its store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "store/reader_pool.h"
#include "store/types.h"

namespace raglan::store {

class EmbeddedProbe {
 public:
  static Result<std::unique_ptr<EmbeddedProbe>> open(const std::filesystem::path& path,
                                                     std::uint64_t epoch) {
    auto connection = Connection::open(path, {}); // which does not wait
    if (!connection) return forward_error(connection);
    return std::unique_ptr<EmbeddedProbe>(new EmbeddedProbe(std::move(*connection), epoch));
  }

  // The collection's last committed change, of whatever process. kNotFound when there is no such
  // collection; kUnavailable when it cannot be told without waiting.
  Result<Generation> generation(const CollectionKey& key) {
    auto row = reader_.collection(key);
    if (!row) return forward_error(row);
    return Generation{epoch_, row->seq, row->nonce};
  }

  // Whether the store can be read, and is still the one that was opened.
  Result<> check() {
    if (auto ok = reader_.connection().check_place(); !ok) return ok;
    auto any = generation({});
    if (!any && any.error().code != ErrorCode::kNotFound) return forward_error(any);
    return {};
  }

 private:
  EmbeddedProbe(Connection connection, std::uint64_t epoch)
      : reader_(std::move(connection)), epoch_(epoch) {}

  Reader reader_;
  const std::uint64_t epoch_;
};

} // namespace raglan::store
