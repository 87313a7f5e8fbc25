#include "store/dense_search.h"

#include <algorithm>

#include "store/distance.h"

namespace raglan::store {
namespace {

using Part = IndexSegment::Part;

// A comparison in a graph costs about as much as two of a scan, which reads memory in order; past
// this part of the eligible rows the scan is the quicker way.
constexpr std::size_t kVisitsRatio = 2;

class DenseSearch {
 public:
  DenseSearch(const IndexView& view, const IndexConfig& config, std::span<const float> vector)
      : view_(view), config_(config), vector_(vector) {}

  std::vector<IndexHit> exact(std::uint32_t count) const {
    TopHits top(count);
    if (view_.filtered()) {
      scan_allowed(top);
    } else {
      for (std::size_t part = 0; part < view_.parts().size(); ++part) scan(part, top);
    }
    return top.take();
  }

  // Fewer than there are when a graph gave up.
  std::vector<IndexHit> approximate(std::uint32_t count) const {
    TopHits top(count);
    for (std::size_t part = 0; part < view_.parts().size(); ++part) {
      if (view_.parts()[part].graph != nullptr) {
        walk(part, count, top);
      } else {
        scan(part, top);
      }
    }
    return top.take();
  }

 private:
  void scan(std::size_t part, TopHits& top) const {
    const IndexSegment& segment = *view_.parts()[part].segment;
    const bool all = view_.all_eligible(part);
    const auto rows = static_cast<std::uint32_t>(segment.rows());
    for (std::uint32_t row = 0; row < rows; ++row) {
      if (!all && !view_.eligible(part, row)) continue;
      offer(part, row, inner_product(vector_.data(), segment.vector(row), vector_.size()), top);
    }
  }

  void scan_allowed(TopHits& top) const {
    std::size_t part = 0;
    for (const std::uint32_t row : view_.allowed_rows()) {
      while (row >= view_.base(part + 1)) ++part;
      const std::uint32_t row_of_part = row - view_.base(part);
      const float* vector = view_.parts()[part].segment->vector(row_of_part);
      offer(part, row_of_part, inner_product(vector_.data(), vector, vector_.size()), top);
    }
  }

  void walk(std::size_t part, std::uint32_t count, TopHits& top) const {
    const auto& [segment, deletions, graph] = view_.parts()[part];
    HnswGraph::Search search{.vector = vector_.data(),
                             .breadth = std::max<std::size_t>(config_.graph_search_breadth, count),
                             .max_visits = view_.eligible_rows() / kVisitsRatio};
    if (!view_.all_eligible(part)) {
      search.eligible = [&](std::uint32_t row) { return view_.eligible(part, row); };
    }
    for (const HnswGraph::Hit& hit : graph->search(segment->vectors(), search)) {
      offer(part, hit.row, hit.similarity, top);
    }
  }

  void offer(std::size_t part, std::uint32_t row, float score, TopHits& top) const {
    if (!top.wants(score)) return;
    top.add({score, view_.parts()[part].segment->chunk_id(row), view_.base(part) + row});
  }

  const IndexView& view_;
  const IndexConfig& config_;
  const std::span<const float> vector_;
};

} // namespace

std::vector<IndexHit> best_dense(const IndexView& view, const IndexConfig& config,
                                 std::span<const float> vector, std::uint32_t count, bool exact) {
  const DenseSearch search(view, config, vector);
  const bool few = view.filtered() && view.eligible_rows() <= config.exact_filter_rows;
  if (!exact && !few) {
    auto hits = search.approximate(count);
    if (hits.size() >= std::min<std::size_t>(count, view.eligible_rows())) return hits;
  }
  return search.exact(count);
}

float cosine_of(const IndexView& view, std::span<const float> vector, std::uint32_t row) {
  const std::size_t part = view.part_of(row);
  const float* other = view.parts()[part].segment->vector(row - view.base(part));
  return inner_product(vector.data(), other, vector.size());
}

} // namespace raglan::store
