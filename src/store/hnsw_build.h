// Builds HNSW graphs, with hnswlib.
//
// A graph can grow from an older one over the same first rows: only the new rows are inserted. The
// older graph is copied, so searches go on in it meanwhile (hnswlib allows none during an insert).
//
// hnswlib is given row numbers instead of vectors, and a distance of ours (distance.h) that looks
// them up: it chooses its own instructions when it is compiled, and would copy every vector.
//
// Thread safety: any thread; a build uses the calling thread alone, and takes about half a
// millisecond for each inserted row of 384 dimensions.
#pragma once

#include <functional>
#include <memory>

#include "store/hnsw_graph.h"

namespace raglan::store {

// A graph over all rows of `vectors`; `older` (may be null) covers the first of them. `breadth`:
// candidates that are looked at for the links of a new row (the paper's efConstruction). Null when
// `stopped` returned true (it is asked before each row), when there are no rows, or when memory
// ran out.
std::shared_ptr<const HnswGraph> build_hnsw(const VectorRows& vectors, const HnswGraph* older,
                                            std::size_t breadth,
                                            const std::function<bool()>& stopped);

} // namespace raglan::store
