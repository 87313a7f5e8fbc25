// What an index needs from the database: the chunks that came and went since a seq.
//
// The change log says which chunks each write removed and added. Of the added ones only those are
// read that are still there: what a later change removed again never enters the index.
//
// Thread safety: that of the connection. Call both functions within one read transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/collection_index.h"
#include "store/sqlite.h"

namespace raglan::store {

// Entries with the memory that they refer to.
class IndexBatch {
 public:
  static constexpr std::size_t kMaxChunks = 4096;

  void add(std::uint64_t chunk_id, std::string_view title_path, std::string_view text,
           std::span<const float> vector);
  // Valid until the next add or clear.
  std::vector<IndexEntry> entries() const;
  std::size_t size() const { return chunk_ids_.size(); }
  bool full() const { return size() >= kMaxChunks; }
  void clear();

 private:
  std::size_t dimension_ = 0;
  std::vector<std::uint64_t> chunk_ids_;
  std::vector<std::string> texts_;
  std::vector<float> vectors_;
};

struct FeedSource {
  std::string tenant;
  std::int64_t collection_id = 0;
  std::size_t dimension = 0;
};

// Adds the chunks that are there now and came after `after_seq` (0: all) to `batch`; whenever it is
// full, `flush` must empty it, or ends the reading by its error. kCorrupt when vectors and chunks
// do not fit together.
Result<> read_added_chunks(Connection& connection, const FeedSource& source,
                           std::uint64_t after_seq, IndexBatch& batch,
                           const std::function<Result<>()>& flush);
// The ids of the chunks that went after `after_seq`, including some that never were in the index.
Result<std::vector<std::uint64_t>> read_removed_chunks(Connection& connection,
                                                       const FeedSource& source,
                                                       std::uint64_t after_seq);

} // namespace raglan::store
