#include "loadtest/node_work.h"

#include <boost/json/array.hpp>

#include "base/json_lookup.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {

NodeWork NodeWork::operator-(const NodeWork& earlier) const {
  return {embedding_calls - earlier.embedding_calls, embedding_tokens - earlier.embedding_tokens,
          searches - earlier.searches, statements - earlier.statements};
}

NodeWork NodeWork::operator+(const NodeWork& other) const {
  return {embedding_calls + other.embedding_calls, embedding_tokens + other.embedding_tokens,
          searches + other.searches, statements + other.statements};
}

Result<NodeWork> work_so_far(MeasuredNode& node) {
  auto metrics = node.metrics();
  if (!metrics) return forward_error(metrics);
  return NodeWork{
      .embedding_calls = metrics->sum("raglan_embedding_calls_total"),
      .embedding_tokens = metrics->sum("raglan_embedding_tokens_total"),
      .searches = metrics->sum("raglan_stage_duration_seconds_count", "stage=\"retrieve\""),
      .statements = metrics->sum("raglan_store_statements_total")};
}

Result<NodeWork> work_so_far(const std::vector<std::unique_ptr<MeasuredNode>>& nodes) {
  NodeWork sum;
  for (const auto& node : nodes) {
    auto work = work_so_far(*node);
    if (!work) return forward_error(work);
    sum = sum + *work;
  }
  return sum;
}

Result<std::vector<double>> ask_each(MeasuredNode& node, std::span<const std::string> questions,
                                     const boost::json::object& fields, std::string_view path) {
  std::vector<double> milliseconds;
  for (const std::string& question : questions) {
    auto asked = node.ask(question, fields, path);
    if (!asked) return forward_error(asked);
    milliseconds.push_back(asked->milliseconds);
  }
  return milliseconds;
}

Result<CacheEntries> cache_entries(MeasuredNode& node, std::string_view cache) {
  auto reply = node.call("GET", "/admin/cache");
  if (!reply) return forward_error(reply);
  const auto* caches = array_at(*reply, "caches");
  for (const auto& one : caches ? *caches : boost::json::array()) {
    if (text_at(one, "name") == cache)
      return CacheEntries{count_at(one, "entries"), count_at(one, "bytes")};
  }
  return fail(ErrorCode::kUpstream, "the node has no such cache");
}

Result<std::span<const std::string>> some_questions(const Rig& rig, std::size_t most) {
  const auto questions = rig.questions(most);
  if (questions.size() >= kFewestQuestions) return questions;
  return fail(ErrorCode::kUnavailable, "the documents give too few questions");
}

} // namespace raglan::loadtest
