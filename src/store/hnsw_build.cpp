#include "store/hnsw_build.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "base/log.h"
#include "base/rng.h"
#include "store/distance.h"

// Its prefetching reads one link past the end of a list, and fetches nothing of use here.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

namespace raglan::store {
namespace {

using Index = hnswlib::HierarchicalNSW<float>;

// What hnswlib takes for a vector: its row. `param` is the VectorRows.
float distance_of_rows(const void* left, const void* right, const void* param) {
  std::uint32_t rows[2];
  std::memcpy(&rows[0], left, sizeof(std::uint32_t));
  std::memcpy(&rows[1], right, sizeof(std::uint32_t));
  const auto& vectors = *static_cast<const VectorRows*>(param);
  return 1.0f - inner_product(vectors.row(rows[0]), vectors.row(rows[1]), vectors.dimension());
}

class RowSpace final : public hnswlib::SpaceInterface<float> {
 public:
  explicit RowSpace(const VectorRows& vectors) : vectors_(vectors) {}
  size_t get_data_size() override { return sizeof(std::uint32_t); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return distance_of_rows; }
  void* get_dist_func_param() override { return const_cast<VectorRows*>(&vectors_); }

 private:
  const VectorRows& vectors_;
};

void write_list(hnswlib::linklistsizeint* list, std::span<const std::uint32_t> links) {
  *list = static_cast<hnswlib::linklistsizeint>(links.size());
  std::ranges::copy(links, list + 1);
}

// Puts the older graph's rows into an empty index, as if they had been inserted. In hnswlib a row's
// label, its number and its data are the same here.
void copy_into(const HnswGraph& older, Index& index) {
  for (std::uint32_t row = 0; row < older.rows(); ++row) {
    const std::size_t level = older.lists().levels[row];
    std::memset(index.data_level0_memory_ + row * index.size_data_per_element_, 0,
                index.size_data_per_element_);
    index.setExternalLabel(row, row);
    std::memcpy(index.getDataByInternalId(row), &row, sizeof row);
    index.element_levels_[row] = static_cast<int>(level);
    index.label_lookup_[row] = row;
    index.cur_element_count = row + 1; // its destructor frees so many
    if (level > 0) {
      // As many bytes as hnswlib allocates, and from where it frees.
      index.linkLists_[row] =
          static_cast<char*>(std::calloc(index.size_links_per_element_ * level + 1, 1));
      if (index.linkLists_[row] == nullptr) throw std::bad_alloc();
    }
    for (std::size_t l = 0; l <= level; ++l) {
      write_list(index.get_linklist_at_level(row, static_cast<int>(l)), older.links_of(row, l));
    }
  }
  index.enterpoint_node_ = older.lists().entry;
  index.maxlevel_ = older.lists().levels[older.lists().entry];
}

// The levels of rows: each is in the level above with a chance of 1 in kMaxUpperLinks (the paper's
// 1 / ln M), but never above `top`, which the very first row is given. hnswlib would choose levels
// itself and make each row that is higher than all before it the new entry; then it takes its locks
// in changing orders, which a thread sanitizer rightly dislikes, harmless as it is with one thread.
class Levels {
 public:
  Levels(std::size_t first_row, std::uint8_t top) : rng_(first_row + 1), top_(top) {}
  static std::uint8_t top_for(std::size_t rows) {
    std::uint8_t top = 0;
    for (; rows >= HnswGraph::kMaxUpperLinks; rows /= HnswGraph::kMaxUpperLinks) ++top;
    return top;
  }
  int next() {
    int level = 0;
    while (level < top_ && rng_.below(HnswGraph::kMaxUpperLinks) == 0) ++level;
    return level;
  }

 private:
  Rng rng_; // rows that are added later do not repeat the levels of the first ones
  const std::uint8_t top_;
};

HnswGraph::Lists lists_of(const Index& index) {
  HnswGraph::Lists lists;
  lists.entry = index.enterpoint_node_;
  const std::size_t rows = index.cur_element_count;
  lists.levels.reserve(rows);
  lists.links.resize(rows * HnswGraph::kListSize);
  const auto copy_list = [&](std::uint32_t row, int level, std::uint32_t* to) {
    auto* list = index.get_linklist_at_level(row, level);
    *to = index.getListCount(list);
    std::copy_n(list + 1, *to, to + 1);
  };
  for (std::uint32_t row = 0; row < rows; ++row) {
    lists.levels.push_back(static_cast<std::uint8_t>(index.element_levels_[row]));
    copy_list(row, 0, lists.links.data() + row * HnswGraph::kListSize);
    for (int level = 1; level <= index.element_levels_[row]; ++level) {
      const std::size_t end = lists.upper_links.size();
      lists.upper_links.resize(end + HnswGraph::kUpperListSize);
      copy_list(row, level, lists.upper_links.data() + end);
    }
  }
  return lists;
}

} // namespace

std::shared_ptr<const HnswGraph> build_hnsw(const VectorRows& vectors, const HnswGraph* older,
                                            std::size_t breadth,
                                            const std::function<bool()>& stopped) try {
  if (vectors.rows() == 0) return nullptr;
  RowSpace space(vectors);
  const std::size_t first_new = older == nullptr ? 0 : older->rows();
  Index index(&space, vectors.rows(), HnswGraph::kMaxUpperLinks, breadth);
  index.mult_ = 0; // no levels of its own: 0 for whatever is inserted without one
  if (older != nullptr) copy_into(*older, index);
  const std::uint8_t top = older == nullptr ? Levels::top_for(vectors.rows())
                                            : older->lists().levels[older->lists().entry];
  Levels levels(first_new, top);
  for (auto row = static_cast<std::uint32_t>(first_new); row < vectors.rows(); ++row) {
    if (stopped()) return nullptr;
    index.addPoint(&row, row, row == 0 ? top : levels.next());
  }
  HnswGraph::Lists lists = lists_of(index);
  if (!HnswGraph::consistent(lists)) {
    log_error("the built graph is not consistent");
    return nullptr;
  }
  return std::make_shared<const HnswGraph>(std::move(lists));
} catch (const std::exception& error) {
  log_warning("graph not built", {{"reason", error.what()}});
  return nullptr;
}

} // namespace raglan::store
