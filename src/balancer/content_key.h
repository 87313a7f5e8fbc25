// What a request asks, as a number by which a host can be chosen: the same question finds the node
// that has its answer already.
//
// Collection and question of /v1/query and /v1/search, and the last message of a chat; spellings
// that a node's caches take for the same are the same here (rag/query_key.h). The tenant is left
// out: it stands in a credential that changes, and two tenants' questions on one node do no harm.
//
// Thread safety: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace raglan::balancer {

// Whether requests of this kind have one, in their body.
bool asks_by_content(std::string_view method, std::string_view path);
// Empty when the body is not what a node would take.
std::optional<std::uint64_t> content_key(std::string_view body);

} // namespace raglan::balancer
