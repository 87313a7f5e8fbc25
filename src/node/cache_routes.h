// /admin/cache: what the caches hold and have saved, removing entries, filling them.
//
//   GET    /admin/cache                                     each cache's size and counts
//   DELETE /admin/cache?cache=&collection=&tenant=&key=     without parameters: everything; vectors
//                                                           belong to no collection
//   POST   /admin/cache/warm   {"queries":[…], "collection"?, "top_k"?, "mode"?}
#pragma once

#include "base/clock.h"
#include "http/router.h"
#include "model/embedding_cache.h"
#include "net/offload.h"
#include "rag/pipeline.h"
#include "store/types.h"

namespace raglan::node {

struct CacheRouteParts {
  rag::Pipeline& pipeline;           // must outlive the router
  model::EmbeddingCache& embeddings; // likewise
  net::Submit storage;               // where calls that wait for a disk, or take long, run
  net::Submit bulk;                  // where large bodies are parsed
  const Clock& clock;
  std::uint32_t top_k; // of a question that names none
  Duration request_timeout;
  Duration warm_timeout; // of a request that fills the cache
};

void add_cache_routes(http::Router& router, CacheRouteParts parts);

} // namespace raglan::node
