// API keys, for who operates the nodes: /admin/keys.
//
//   POST   {"tenant", "scopes": ["read", …], "tier": "paid", "name": "", "expires_in_s"?}
//          → 201 with the key's description and "key", its secret: shown here and never again
//   GET    → {"keys": […]}
//   DELETE /admin/keys/{id} → {"id", "revoked": true}; 404
//
// A key that was made is taken within 0.5 s, and one that was revoked refused within 5 s, by every
// node of the store (auth/api_keys.h).
#pragma once

#include "auth/api_keys.h"
#include "http/router.h"

namespace raglan::node {

struct KeyRouteParts {
  auth::ApiKeys& keys;
  const Clock& clock;
  Duration request_timeout;
};

void add_key_routes(http::Router& router, KeyRouteParts parts);

} // namespace raglan::node
