// /v1/collections: list, create, look at, delete.
#pragma once

#include "http/router.h"
#include "net/offload.h"
#include "store/store.h"

namespace raglan::node {

// `store` must outlive the router; its calls run on `storage`.
void add_collection_routes(http::Router& router, store::Store& store, net::Submit storage);

} // namespace raglan::node
