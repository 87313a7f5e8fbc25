// POST /v1/chat/completions: a question grounded in a collection, in OpenAI's shapes, streamed or
// not, so that its official clients work unchanged (node/chat_json.h).
#pragma once

#include "http/router.h"
#include "node/query_routes.h"

namespace raglan::node {

// `generator`: the language model's name, empty without one; must outlive the router.
void add_chat_routes(http::Router& router, QueryRouteParts parts, std::string_view generator);

} // namespace raglan::node
