// One search over the parts of an index: both sides, each candidate scored by both.
//
// Thread safe.
#pragma once

#include <span>

#include "store/collection_index.h"
#include "store/index_segment.h"

namespace raglan::store {

// Candidates and bm25_max; the generation is the caller's to fill.
SearchResult search_parts(std::span<const IndexSegment::Part> parts, const IndexConfig& config,
                          std::size_t dimension, const CollectionIndex::Query& query);

} // namespace raglan::store
