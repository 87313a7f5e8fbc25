// POST /v1/embeddings and GET /v1/models in OpenAI's shapes: its official clients work unchanged.
// Query parameters are ignored, as some of those clients send some of their own (api-version).
//
// The models are the embedder, "raglan" (node/chat_json.h) and the language model, if there is one.
// The embedder's name is what comes before ':' in the embedder's id. One text is somebody waiting
// for a query and goes with the questions; an array is bulk work and goes behind them.
#pragma once

#include "auth/rate_limits.h"
#include "http/router.h"
#include "model/embedding_cache.h"
#include "net/offload.h"

namespace raglan::node {

inline constexpr std::size_t kMaxEmbeddingInputs = 2048; // OpenAI's own limit
inline constexpr std::size_t kMaxEmbeddingInputBytes = 64 << 10;

struct OpenAiRouteParts {
  model::EmbeddingCache& embeddings; // must outlive the router, as the clock and the limits
  auth::RateLimits& limits;
  std::string_view generator; // the language model's name; empty without one
  net::Submit search;         // counts the tokens of one text
  net::Submit bulk;           // counts those of many, and works on large bodies
  const Clock& clock;
  std::string tier_header; // empty: nobody names a request's tier
  Duration request_timeout;
};

void add_openai_routes(http::Router& router, OpenAiRouteParts parts);

} // namespace raglan::node
