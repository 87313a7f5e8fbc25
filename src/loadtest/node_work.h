// What a node has done so far, by its own counters; differences are what a claim's requests cost.
//
// Thread safe.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loadtest/measured_node.h"

namespace raglan::loadtest {

struct NodeWork {
  double embedding_calls = 0; // of the model; one may hold many texts
  double embedding_tokens = 0;
  double searches = 0;   // of the indexes
  double statements = 0; // of SQL

  NodeWork operator-(const NodeWork& earlier) const;
  NodeWork operator+(const NodeWork& other) const;
};
Result<NodeWork> work_so_far(MeasuredNode& node);
// Of all of them together.
Result<NodeWork> work_so_far(const std::vector<std::unique_ptr<MeasuredNode>>& nodes);

// Asks each question once, one after the other; what each took, in milliseconds. `fields` and
// `path` as of MeasuredNode::ask.
Result<std::vector<double>> ask_each(MeasuredNode& node, std::span<const std::string> questions,
                                     const boost::json::object& fields,
                                     std::string_view path = "/v1/query");

// What /admin/cache says of a cache.
struct CacheEntries {
  std::size_t entries = 0;
  std::size_t bytes = 0;
};
Result<CacheEntries> cache_entries(MeasuredNode& node, std::string_view cache);

// `most` questions of the corpus; kUnavailable when there are fewer than kFewestQuestions.
inline constexpr std::size_t kFewestQuestions = 5;
class Rig;
Result<std::span<const std::string>> some_questions(const Rig& rig, std::size_t most);

} // namespace raglan::loadtest
