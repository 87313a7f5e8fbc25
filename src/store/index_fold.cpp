#include "store/index_fold.h"

#include <algorithm>
#include <utility>

#include "store/hnsw_build.h"

namespace raglan::store {
namespace {

using Part = IndexSegment::Part;

// Fewer parts than this are left alone: merging them would gain a search nothing.
constexpr std::size_t kFewParts = 8;

bool mostly_deleted(const Part& part) {
  return part.deletions && part.deletions->count * 4 > part.segment->rows();
}

Part merge(const Part& left, const Part& right) {
  return {IndexSegment::merge(left, right), nullptr, nullptr};
}

Part without_deleted(const Part& part) {
  static const auto kNothing = IndexSegment::build({}, 0);
  return merge(part, {kNothing, nullptr, nullptr});
}

std::size_t live_rows(std::span<const Part> parts) {
  std::size_t rows = 0;
  for (const Part& part : parts) rows += part.live_rows();
  return rows;
}

// From the newest backwards: as long as the older part is at most twice what has been gathered.
std::optional<FoldPlan> plan_tiers(std::span<const Part> parts, std::size_t fixed) {
  for (std::size_t i = fixed; i < parts.size(); ++i) {
    if (mostly_deleted(parts[i])) return FoldPlan{.first = i, .last = i + 1};
  }
  if (parts.size() - fixed <= kFewParts) return std::nullopt;
  std::size_t first = parts.size();
  std::size_t gathered = 0;
  for (std::size_t i = parts.size(); i-- > fixed;) {
    if (gathered > 0 && parts[i].segment->rows() > 2 * gathered) break;
    gathered += parts[i].live_rows();
    first = i;
  }
  if (parts.size() - first < 2) return std::nullopt;
  return FoldPlan{.first = first, .last = parts.size()};
}

bool follows(std::span<const Part> newer, const Part& older) {
  return std::ranges::all_of(newer, [&](const Part& part) {
    return part.segment->rows() == 0 ||
           part.segment->chunk_ids().front() > older.segment->chunk_ids().back();
  });
}

// The newest two first, so that the large one is copied once.
Part merge_all(std::span<const Part> parts) {
  if (parts.size() == 1) return parts[0].deletions ? without_deleted(parts[0]) : parts[0];
  Part merged = parts.back();
  for (std::size_t i = parts.size() - 1; i-- > 0;) merged = merge(parts[i], merged);
  merged.graph = nullptr;
  return merged;
}

Part grow(std::span<const Part> parts, const IndexConfig& config,
          const std::function<bool()>& stopped) {
  const Part& base = parts.front();
  const Part delta = merge_all(parts.subspan(1));
  Part grown{IndexSegment::append(*base.segment, delta), nullptr, nullptr};
  if (base.deletions) {
    auto deletions = std::make_shared<Deletions>(*base.deletions);
    deletions->rows.resize(grown.segment->rows());
    grown.deletions = std::move(deletions);
  }
  grown.graph =
      build_hnsw(grown.segment->vectors(), base.graph.get(), config.graph_build_breadth, stopped);
  return grown.graph == nullptr ? Part{} : grown;
}

} // namespace

void merge_small(Parts& parts, std::size_t fixed) {
  for (std::size_t i = fixed; i < parts.size(); ++i) {
    if (mostly_deleted(parts[i]) && parts[i].segment->rows() <= kInlineRows) {
      parts[i] = without_deleted(parts[i]);
    }
  }
  const auto first = parts.begin() + static_cast<std::ptrdiff_t>(std::min(fixed, parts.size()));
  parts.erase(
      std::remove_if(first, parts.end(), [](const Part& part) { return part.live_rows() == 0; }),
      parts.end());
  while (parts.size() >= fixed + 2) {
    const Part& older = parts[parts.size() - 2];
    const Part& newer = parts.back();
    const std::size_t rows = older.segment->rows() + newer.segment->rows();
    const bool tier = rows <= kInlineRows && newer.live_rows() * 2 >= older.segment->rows();
    if (!tier && parts.size() <= kMaxParts) break;
    Part merged = merge(older, newer);
    parts.pop_back();
    parts.back() = std::move(merged);
  }
}

std::optional<FoldPlan> plan_fold(std::span<const Part> parts, const IndexConfig& config) {
  using Graph = FoldPlan::Graph;
  if (parts.empty()) return std::nullopt;
  const Part& base = parts.front();
  const std::size_t delta_rows = live_rows(parts.subspan(1));
  const std::size_t all_rows = base.live_rows() + delta_rows;
  if (base.graph != nullptr) {
    if (mostly_deleted(base)) {
      const bool large = all_rows >= config.graph_from_rows;
      return FoldPlan{0, parts.size(), large ? Graph::kBuild : Graph::kNone};
    }
    if (delta_rows > config.max_delta_rows) {
      const bool appendable = follows(parts.subspan(1), base);
      return FoldPlan{0, parts.size(), appendable ? Graph::kGrow : Graph::kBuild};
    }
    return plan_tiers(parts, 1);
  }
  if (all_rows < config.graph_from_rows) return plan_tiers(parts, 0);
  // First one large part, soon published; then its graph, which takes long.
  if (base.live_rows() < config.graph_from_rows || base.live_rows() < delta_rows) {
    return FoldPlan{0, parts.size(), Graph::kNone};
  }
  return FoldPlan{0, 1, Graph::kBuild};
}

Part fold(std::span<const Part> parts, const FoldPlan& plan, const IndexConfig& config,
          const std::function<bool()>& stopped) {
  const auto folded = parts.subspan(plan.first, plan.last - plan.first);
  if (plan.graph == FoldPlan::Graph::kGrow) return grow(folded, config, stopped);
  Part merged = merge_all(folded);
  if (plan.graph == FoldPlan::Graph::kBuild) {
    merged.graph =
        build_hnsw(merged.segment->vectors(), nullptr, config.graph_build_breadth, stopped);
    if (merged.graph == nullptr) return {};
  }
  return merged;
}

bool remove_chunk(Part& part, std::uint64_t chunk_id, std::shared_ptr<Deletions>& own) {
  const IndexSegment& segment = *part.segment;
  const std::size_t row = segment.find(chunk_id);
  if (row == segment.rows()) return false;
  if (!own) { // readers keep the old one
    own = part.deletions ? std::make_shared<Deletions>(*part.deletions)
                         : std::make_shared<Deletions>();
    own->rows.resize(segment.rows());
    part.deletions = own;
  }
  if (own->rows[row]) return false;
  own->rows[row] = true;
  ++own->count;
  own->length_terms += segment.row_length_terms(row);
  return true;
}

void carry_deletions(std::span<const Part> before, std::span<const Part> now, Part& folded) {
  std::shared_ptr<Deletions> own;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (now[i].deletions == before[i].deletions) continue;
    const IndexSegment& segment = *before[i].segment;
    for (std::size_t row = 0; row < segment.rows(); ++row) {
      const bool was_deleted = before[i].deletions && before[i].deletions->rows[row];
      if (now[i].deletions->rows[row] && !was_deleted) {
        (void)remove_chunk(folded, segment.chunk_id(row), own);
      }
    }
  }
}

} // namespace raglan::store
