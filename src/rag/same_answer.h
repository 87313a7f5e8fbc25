// Whether two answers are the same to whoever asked: what reuse is measured by.
//
// The same when both found something, or both nothing, the best passage of both is the same one,
// and at least half of the passages of each are in the other. The wording may differ: it follows
// the question's.
//
// Pure.
#pragma once

#include <algorithm>

#include "rag/query.h"

namespace raglan::rag {

inline bool is_same_answer(const Answer& left, const Answer& right) {
  if (left.found != right.found) return false;
  if (left.sources.empty() || right.sources.empty()) {
    return left.sources.empty() && right.sources.empty();
  }
  if (left.sources.front().chunk_id != right.sources.front().chunk_id) return false;
  const auto shared = std::ranges::count_if(left.sources, [&](const Source& source) {
    const auto end = right.sources.end();
    return std::ranges::find(right.sources, source.chunk_id, &Source::chunk_id) != end;
  });
  const std::size_t more = std::max(left.sources.size(), right.sources.size());
  return 2 * static_cast<std::size_t>(shared) >= more;
}

} // namespace raglan::rag
