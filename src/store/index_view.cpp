#include "store/index_view.h"

#include <algorithm>

namespace raglan::store {

IndexView::IndexView(std::span<const IndexSegment::Part> parts,
                     std::optional<std::span<const std::uint64_t>> allowed_chunk_ids)
    : parts_(parts) {
  std::uint32_t base = 0;
  std::uint64_t length_terms = 0;
  for (const auto& [segment, deletions, graph] : parts_) {
    bases_.push_back(base);
    base += static_cast<std::uint32_t>(segment->rows());
    live_rows_ += segment->rows() - (deletions ? deletions->count : 0);
    length_terms += segment->length_terms() - (deletions ? deletions->length_terms : 0);
  }
  bases_.push_back(base);
  if (live_rows_ > 0) {
    average_length_terms_ =
        std::max(1.0f, static_cast<float>(length_terms) / static_cast<float>(live_rows_));
  }
  if (allowed_chunk_ids) restrict_to(*allowed_chunk_ids);
}

std::size_t IndexView::part_of(std::uint32_t row) const {
  return static_cast<std::size_t>(std::upper_bound(bases_.begin(), bases_.end(), row) -
                                  bases_.begin() - 1);
}

// Both sides are sorted. A few allowed ids are looked up in a large part, one after the other; many
// are walked through together with the part's.
void IndexView::restrict_to(std::span<const std::uint64_t> chunk_ids) {
  allowed_rows_.emplace();
  allowed_.assign(rows(), false);
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const auto& [segment, deletions, graph] = parts_[part];
    const auto ids = segment->chunk_ids();
    if (ids.empty()) continue;
    const auto first = std::lower_bound(chunk_ids.begin(), chunk_ids.end(), ids.front());
    const auto last = std::upper_bound(first, chunk_ids.end(), ids.back());
    const bool few = static_cast<std::size_t>(last - first) * 16 < ids.size();
    auto id = ids.begin();
    for (auto wanted = first; wanted != last && id != ids.end(); ++wanted) {
      if (few) {
        id = std::lower_bound(id, ids.end(), *wanted);
      } else {
        while (id != ids.end() && *id < *wanted) ++id;
      }
      if (id == ids.end() || *id != *wanted) continue;
      const auto row = static_cast<std::uint32_t>(id - ids.begin());
      if (deletions && deletions->rows[row]) continue;
      allowed_rows_->push_back(bases_[part] + row);
      allowed_[bases_[part] + row] = true;
    }
  }
}

} // namespace raglan::store
