// POST /v1/embeddings and GET /v1/models in OpenAI's shapes: its official clients work unchanged.
#pragma once

#include "http/router.h"
#include "model/embedding_queue.h"
#include "net/offload.h"

namespace raglan::node {

inline constexpr std::size_t kMaxEmbeddingInputs = 2048; // OpenAI's own limit
inline constexpr std::size_t kMaxEmbeddingInputBytes = 64 << 10;

// `embedder` must outlive the router. The model's name is what comes before ':' in its id. Texts
// are counted in tokens when they join the queue, which is work for `extraction`.
void add_openai_routes(http::Router& router, model::EmbeddingQueue& embedder,
                       net::Submit extraction, Duration request_timeout);

} // namespace raglan::node
