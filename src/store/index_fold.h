// How the parts of an index become fewer and larger: which are merged when, and the merging itself.
//
// A write makes a small part. Small neighbours are merged at once, by the writer (merge_small: at
// most kInlineRows rows, about a millisecond). Everything larger is the background's (plan_fold,
// then fold), as neither a write nor a search may wait for it:
//
//   - Below IndexConfig::graph_from_rows chunks all search is exact, and parts are merged when the
//     newer ones together are at least half as large as the older (an LSM tree's size tiers): each
//     row is copied a logarithmic number of times.
//   - From then on the first part is the base and gets a graph; what comes later is the delta,
//     searched exactly. When the delta is larger than max_delta_rows, it is appended to the base,
//     and its rows are inserted into a copy of the graph. Deleted rows of the base stay as
//     waypoints until a quarter of it is deleted; then it is made anew.
//
// Pure functions of the parts; no locks. Thread safe.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "store/collection_index.h"
#include "store/index_segment.h"

namespace raglan::store {

using Parts = std::vector<IndexSegment::Part>; // older ones first

// The largest part that a write merges by itself.
inline constexpr std::size_t kInlineRows = 1024;
// More parts than this are merged by the writer whatever their size, so that a background that
// falls behind slows writes down instead of every search.
inline constexpr std::size_t kMaxParts = 64;

// Merges small neighbours at the end, drops parts with nothing live, writes small ones anew that
// are more than a quarter deleted. The first `fixed` parts stay as they are.
void merge_small(Parts& parts, std::size_t fixed);

// Parts [first, last) are to become one.
struct FoldPlan {
  enum class Graph {
    kNone,  // merge only
    kGrow,  // append to the first part, and grow its graph
    kBuild, // build a graph for the result
  };
  std::size_t first = 0;
  std::size_t last = 0;
  Graph graph = Graph::kNone;
};
// The next thing to do; nothing when all is well.
std::optional<FoldPlan> plan_fold(std::span<const IndexSegment::Part> parts,
                                  const IndexConfig& config);

// The part that replaces those of the plan. Without a segment when `stopped` returned true.
IndexSegment::Part fold(std::span<const IndexSegment::Part> parts, const FoldPlan& plan,
                        const IndexConfig& config, const std::function<bool()>& stopped);

// Marks a chunk as deleted; false when the part does not hold it alive. `own` is the copy of the
// deletions that this call may write to (made when null).
bool remove_chunk(IndexSegment::Part& part, std::uint64_t chunk_id,
                  std::shared_ptr<Deletions>& own);
// What was deleted of the parts between `before` and `now`, deleted from `folded` as well.
void carry_deletions(std::span<const IndexSegment::Part> before,
                     std::span<const IndexSegment::Part> now, IndexSegment::Part& folded);

} // namespace raglan::store
