// The dense side of a search: the eligible rows with the highest inner products.
//
// A part with a graph is searched in it, the others row by row. The exact scan alone is used when
// the caller wants it, when a filter matches few rows (comparing them all is cheaper than walking
// through a graph that hardly any of them belong to), and when the graphs gave fewer hits than
// there are to give.
//
// Thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/collection_index.h"
#include "store/index_view.h"
#include "store/top_hits.h"

namespace raglan::store {

// Best first: at most `count`, and exactly min(count, eligible rows).
std::vector<IndexHit> best_dense(const IndexView& view, const IndexConfig& config,
                                 std::span<const float> vector, std::uint32_t count, bool exact);

float cosine_of(const IndexView& view, std::span<const float> vector, std::uint32_t row);

} // namespace raglan::store
