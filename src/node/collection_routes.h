// /v1/collections: list, create, look at, delete.
#pragma once

#include "http/router.h"
#include "net/offload.h"
#include "rag/pipeline.h"
#include "store/store.h"

namespace raglan::node {

struct CollectionRouteParts {
  store::Store& store;     // must outlive the router
  rag::Pipeline& pipeline; // likewise; of its caches a deleted collection's entries are removed
  net::Submit storage;     // where these are looked through
  const Clock& clock;
  Duration request_timeout;
};

void add_collection_routes(http::Router& router, CollectionRouteParts parts);

} // namespace raglan::node
