#include "rag/hot_queries.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "rag/query_key.h"

namespace raglan::rag {
namespace {

// Not a cache key: a collision costs one of two questions its place among the warm ones.
std::size_t question_hash(const QueryRequest& request) {
  std::size_t hash = request.top_k * 2 + static_cast<std::size_t>(request.mode);
  const auto add = [&](std::string_view text) {
    hash ^= std::hash<std::string_view>()(text) + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
  };
  add(request.collection.tenant);
  add(request.collection.name);
  std::string buffer;
  add(normalise_query(request.query, buffer));
  add(request.filter_json);
  return hash;
}

QueryRequest repeatable(const QueryRequest& request) {
  QueryRequest again = request;
  again.cache = CacheMode::kUse;
  again.explain = false;
  again.deadline = Deadline();
  return again;
}

} // namespace

void HotQueries::count(const QueryRequest& request) {
  if (capacity_ == 0) return;
  const std::size_t hash = question_hash(request);
  counts_.with([&](Counts& counts) {
    if (const auto known = counts.by_question.find(hash); known != counts.by_question.end()) {
      ++known->second.count;
    } else {
      std::uint64_t inherited = 0;
      if (counts.by_question.size() >= capacity_) make_room(counts, inherited);
      counts.by_question[hash] = {repeatable(request), inherited + 1};
    }
    if (++counts.since_halving < kHalving * capacity_) return;
    counts.since_halving = 0;
    for (auto& [other, hot] : counts.by_question) hot.count /= 2;
  });
}

// A look at all of them: new questions are answered in milliseconds, this takes microseconds.
void HotQueries::make_room(Counts& counts, std::uint64_t& inherited) {
  const auto least = std::ranges::min_element(counts.by_question, {},
                                              [](const auto& at) { return at.second.count; });
  inherited = least->second.count;
  counts.by_question.erase(least);
}

std::vector<HotQuery> HotQueries::top(std::size_t limit) const {
  std::vector<HotQuery> hot;
  counts_.with([&](const Counts& counts) {
    for (const auto& [hash, query] : counts.by_question) hot.push_back(query);
  });
  std::ranges::sort(hot, std::greater(), &HotQuery::count);
  if (hot.size() > limit) hot.resize(limit);
  return hot;
}

} // namespace raglan::rag
