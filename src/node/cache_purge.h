// Removes entries from one of the caches: from this process, from Redis where there
// is one, and by a message there from the other nodes.
//
// Thread safety: any event loop, concurrently.
#pragma once

#include <cstddef>

#include "net/offload.h"
#include "rag/pipeline.h"
#include "store/types.h"

namespace raglan::node {

struct CachePurgeParts {
  rag::Pipeline& pipeline;
  net::Submit storage; // where this process' entries are looked through
  const Clock& clock;
};

// How many entries went, one that was in both places counted twice. Errors: of Redis, and of the
// executor; this process' entries are gone even if Redis cannot be reached.
net::Task<Result<std::size_t>> purge_cache(CachePurgeParts parts, cache::PurgeMessage purge,
                                           Deadline deadline);

// All that is kept of a collection that was deleted. Nobody would find it, but it is its passages.
// What fails is logged: in Redis such entries then stay for their TTL.
net::Task<void> purge_deleted(CachePurgeParts parts, store::CollectionKey collection);

} // namespace raglan::node
