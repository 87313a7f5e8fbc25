// The search stage: candidates of both sides, fused, with their passages read.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "rag/fusion.h"
#include "rag/query.h"
#include "store/store.h"

namespace raglan::rag {

struct Retrieved {
  store::Generation generation; // of the data that was searched
  std::vector<Source> sources;  // best first, numbered from 1
};

// What they occupy in a cache.
std::size_t source_bytes(const std::vector<Source>& sources);

// At most `top_k` sources; fewer when fewer match, or when a passage is deleted while this runs.
// `fusion` must outlive the loops. Errors: those of Store::search.
net::Task<Result<Retrieved>> retrieve(store::Store& store, store::SearchRequest search,
                                      const FusionConfig& fusion, std::uint32_t top_k,
                                      Deadline deadline);

} // namespace raglan::rag
