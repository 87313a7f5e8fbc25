// /v1/collections: list, create, look at, delete.
#pragma once

#include "http/router.h"
#include "net/offload.h"
#include "store/store.h"

namespace raglan::node {

struct CollectionRouteParts {
  store::Store& store; // must outlive the router
  net::Submit storage; // where its calls run
  const Clock& clock;
  Duration request_timeout;
};

void add_collection_routes(http::Router& router, CollectionRouteParts parts);

} // namespace raglan::node
