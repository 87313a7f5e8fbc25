#include "store/hnsw_graph.h"

#include <algorithm>

#include "store/distance.h"

namespace raglan::store {
namespace {

// Which rows a search has seen. Kept by the thread, so that a search clears nothing: a row is seen
// when it carries the number of this search.
class Visited {
 public:
  explicit Visited(std::size_t rows) : marks_(marks_of_this_thread()) {
    if (marks_.rows.size() < rows) marks_.rows.resize(rows, 0);
    if (++marks_.search == 0) { // after 2^32 searches
      std::ranges::fill(marks_.rows, 0u);
      marks_.search = 1;
    }
  }
  // True the first time.
  bool visit(std::uint32_t row) {
    if (marks_.rows[row] == marks_.search) return false;
    marks_.rows[row] = marks_.search;
    return true;
  }

 private:
  struct Marks {
    std::vector<std::uint32_t> rows;
    std::uint32_t search = 0;
  };
  static Marks& marks_of_this_thread() {
    thread_local Marks marks;
    return marks;
  }
  Marks& marks_;
};

bool nearer(const HnswGraph::Hit& left, const HnswGraph::Hit& right) {
  return left.similarity > right.similarity;
}
bool farther(const HnswGraph::Hit& left, const HnswGraph::Hit& right) {
  return left.similarity < right.similarity;
}

// The beginning of a vector; the processor fetches the rest as it is read.
void prefetch(const float* vector) {
  __builtin_prefetch(vector);
  __builtin_prefetch(vector + 16);
  __builtin_prefetch(vector + 32);
  __builtin_prefetch(vector + 48);
}

// The best rows so far: a heap with the worst on top.
class Results {
 public:
  explicit Results(std::size_t breadth) : breadth_(breadth) { hits_.reserve(breadth + 1); }
  bool full() const { return hits_.size() >= breadth_; }
  float worst() const { return hits_.front().similarity; }
  bool wants(float similarity) const { return !full() || similarity > worst(); }
  void add(const HnswGraph::Hit& hit) {
    hits_.push_back(hit);
    std::push_heap(hits_.begin(), hits_.end(), nearer);
    if (hits_.size() > breadth_) {
      std::pop_heap(hits_.begin(), hits_.end(), nearer);
      hits_.pop_back();
    }
  }
  std::vector<HnswGraph::Hit> take() { return std::move(hits_); }

 private:
  const std::size_t breadth_;
  std::vector<HnswGraph::Hit> hits_;
};

} // namespace

bool HnswGraph::consistent(const Lists& lists) {
  const std::size_t rows = lists.levels.size();
  std::size_t upper_lists = 0;
  std::uint8_t top = 0;
  for (const std::uint8_t level : lists.levels) {
    if (level > kMaxLevel) return false;
    upper_lists += level;
    top = std::max(top, level);
  }
  if (rows == 0 || lists.entry >= rows || lists.levels[lists.entry] != top ||
      lists.links.size() != rows * kListSize ||
      lists.upper_links.size() != upper_lists * kUpperListSize) {
    return false;
  }
  const auto fits = [&](std::span<const std::uint32_t> list, std::size_t level) {
    if (list.front() >= list.size()) return false;
    return std::ranges::all_of(list.subspan(1, list.front()), [&](std::uint32_t row) {
      return row < rows && lists.levels[row] >= level;
    });
  };
  std::span<const std::uint32_t> upper(lists.upper_links);
  for (std::size_t row = 0; row < rows; ++row) {
    if (!fits(std::span(lists.links).subspan(row * kListSize, kListSize), 0)) return false;
    for (std::size_t level = 1; level <= lists.levels[row]; ++level) {
      if (!fits(upper.first(kUpperListSize), level)) return false;
      upper = upper.subspan(kUpperListSize);
    }
  }
  return true;
}

HnswGraph::HnswGraph(Lists lists) : lists_(std::move(lists)), upper_starts_(rows()) {
  std::uint32_t start = 0;
  for (std::size_t row = 0; row < rows(); ++row) {
    upper_starts_[row] = start;
    start += lists_.levels[row];
  }
}

std::span<const std::uint32_t> HnswGraph::links_of(std::uint32_t row, std::size_t level) const {
  const std::uint32_t* list =
      level == 0 ? lists_.links.data() + row * kListSize
                 : lists_.upper_links.data() + (upper_starts_[row] + level - 1) * kUpperListSize;
  return {list + 1, *list};
}

// From the top level to level 1: at each, step to the most similar neighbour while there is one.
std::uint32_t HnswGraph::descend(const VectorRows& vectors, const float* vector) const {
  std::uint32_t at = lists_.entry;
  float best = inner_product(vector, vectors.row(at), vectors.dimension());
  for (std::size_t level = lists_.levels[at]; level > 0; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const std::uint32_t row : links_of(at, level)) {
        const float similarity = inner_product(vector, vectors.row(row), vectors.dimension());
        if (!(similarity > best)) continue; // NaN included: it would never end
        best = similarity;
        at = row;
        moved = true;
      }
    }
  }
  return at;
}

std::vector<HnswGraph::Hit> HnswGraph::search(const VectorRows& vectors,
                                              const Search& query) const {
  Visited visited(rows());
  Results results(query.breadth);
  std::vector<Hit> frontier; // a heap with the most similar on top
  std::size_t visits = 0;
  const auto visit = [&](std::uint32_t row) {
    ++visits;
    const float similarity = inner_product(query.vector, vectors.row(row), vectors.dimension());
    if (!results.wants(similarity)) return;
    frontier.push_back({similarity, row});
    std::push_heap(frontier.begin(), frontier.end(), farther);
    if (!query.eligible || query.eligible(row)) results.add({similarity, row});
  };
  const std::uint32_t start = descend(vectors, query.vector);
  visited.visit(start);
  visit(start);
  std::uint32_t unseen[kMaxLinks];
  while (!frontier.empty()) {
    if (visits > query.max_visits) return {};
    const Hit nearest = frontier.front();
    if (results.full() && nearest.similarity < results.worst()) break;
    std::pop_heap(frontier.begin(), frontier.end(), farther);
    frontier.pop_back();
    std::size_t count = 0;
    for (const std::uint32_t row : links_of(nearest.row, 0)) {
      if (!visited.visit(row)) continue;
      prefetch(vectors.row(row));
      unseen[count++] = row;
    }
    for (std::size_t i = 0; i < count; ++i) visit(unseen[i]);
  }
  return results.take();
}

} // namespace raglan::store
