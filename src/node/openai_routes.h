// POST /v1/embeddings and GET /v1/models in OpenAI's shapes: its official clients work unchanged.
#pragma once

#include "http/router.h"
#include "model/embedding_queue.h"

namespace raglan::node {

inline constexpr std::size_t kMaxEmbeddingInputs = 2048; // OpenAI's own limit
inline constexpr std::size_t kMaxEmbeddingInputBytes = 64 << 10;

// `embedder` must outlive the router. The model's name is what comes before ':' in its id.
void add_openai_routes(http::Router& router, model::EmbeddingQueue& embedder,
                       Duration request_timeout);

} // namespace raglan::node
