// Questions as JSON: what is sent to /v1/query, /v1/search and /admin/cache/warm.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/result.h"
#include "rag/query.h"

namespace raglan::node {

inline constexpr std::size_t kMaxQueryBytes = 8192;
inline constexpr std::size_t kMaxNameBytes = 128;
inline constexpr std::uint32_t kMaxTopK = 100;
inline constexpr std::size_t kMaxQueriesPerSearch = 64;
inline constexpr std::size_t kMaxQueriesPerWarm = 1000;

struct ParsedQuery {
  // One for /v1/query; as many as were sent for /v1/search. They differ only in their text.
  std::vector<rag::QueryRequest> requests;
  bool was_array = false;
  bool stream = false;
  std::optional<std::string> session_id; // of the conversation that /v1/query continues
};

class JsonFields;

// Everything but the question's text, which each route is sent in another form.
rag::QueryRequest parse_parameters(JsonFields& fields, const std::string& tenant,
                                   std::uint32_t default_top_k);

// `default_top_k` is the configuration's. Without a deadline yet: the caller sets it.
Result<ParsedQuery> parse_query(std::string_view body, const std::string& tenant,
                                std::uint32_t default_top_k);
Result<ParsedQuery> parse_search(std::string_view body, const std::string& tenant,
                                 std::uint32_t default_top_k);

// The questions of /admin/cache/warm: {"queries":[…]}, each a text or the body of a /v1/query.
Result<std::vector<rag::QueryRequest>> parse_warm(std::string_view body, const std::string& tenant,
                                                  std::uint32_t default_top_k);

// A collection's name: 1 to 128 of letters, digits, '.', '_' and '-', not starting with '.'.
bool is_valid_name(std::string_view name);

} // namespace raglan::node
