// Which questions are asked most: what is worth keeping warm.
//
// Counts of a bounded number of questions by the Space-Saving algorithm (Metwally, Agrawal and
// El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005): a new
// question takes the place of the one counted least, and inherits its count, so a count is never
// too small and at most total/capacity too large. Every kHalving × capacity questions all counts
// are halved, so that yesterday's favourites do not stay for ever.
//
// A question is its collection, text, top_k, filter and mode; not its generation, so that it stays
// hot over writes.
//
// Thread safety: any thread, concurrently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "rag/query.h"

namespace raglan::rag {

struct HotQuery {
  QueryRequest request; // with no deadline, to be asked as any other
  std::uint64_t count = 0;
};

class HotQueries {
 public:
  static constexpr std::size_t kHalving = 64;

  // Zero: nothing is counted.
  explicit HotQueries(std::size_t capacity) : capacity_(capacity) {}

  void count(const QueryRequest& request);
  // The most asked first; no more than `limit`.
  std::vector<HotQuery> top(std::size_t limit) const;

 private:
  struct Counts {
    std::unordered_map<std::size_t, HotQuery> by_question;
    std::uint64_t since_halving = 0;
  };
  static void make_room(Counts& counts, std::uint64_t& inherited);

  const std::size_t capacity_;
  Guarded<Counts> counts_;
};

} // namespace raglan::rag
