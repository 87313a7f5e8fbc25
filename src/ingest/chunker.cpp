#include "ingest/chunker.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "ingest/text_units.h"
#include "ingest/title_outline.h"

namespace raglan::ingest {
namespace {

// A title path gets at most this part of a chunk.
constexpr std::size_t kPathShare = 4;

using Node = TitleOutline::Node;

struct PlacedUnit {
  TextUnit unit;
  Node node = 0;
  bool heading = false; // or a term: not to be parted from what follows
};

class ChunkPacker {
 public:
  ChunkPacker(const ChunkerConfig& config, const TitleOutline& outline)
      : config_(config), outline_(outline) {}

  // The next block of the text. `section` says that it is a heading.
  void add_block(std::vector<PlacedUnit> units, bool section) {
    if (units.empty()) return;
    if (section && has_content() && weight_ >= config_.min_chunk_tokens) {
      flush(false);
    } else if (!section && has_content()) {
      // A block that would have to be cut goes whole into the next chunk, if it fits there and this
      // one is half full.
      const std::size_t whole = std::accumulate(
          units.begin(), units.end(), std::size_t{0},
          [](std::size_t sum, const PlacedUnit& unit) { return sum + own_weight(unit.unit); });
      const std::size_t budget = budget_for(units.front().node);
      if (weight_ + whole > budget_ && whole <= budget && weight_ >= budget_ / 2) flush(true);
    }
    for (PlacedUnit& unit : units) add_unit(unit);
  }

  std::vector<ChunkSpan> finish() {
    emit();
    return std::move(chunks_);
  }

  std::size_t chunk_count() const { return chunks_.size(); }

 private:
  static std::size_t own_weight(const TextUnit& unit) {
    return weight_of(unit.tokens, unit.span.end - unit.span.start);
  }

  // What the unit adds to the open chunk, the white space before it included.
  std::size_t added_weight(const TextUnit& unit) const {
    if (open_.empty()) return own_weight(unit);
    return weight_of(unit.tokens, unit.span.end - open_.back().unit.span.end);
  }

  // The common path of a chunk is never heavier than that of its first unit.
  std::size_t budget_for(Node first) const {
    return config_.chunk_tokens -
           std::min(outline_.path_tokens(first), config_.chunk_tokens / kPathShare);
  }

  bool has_content() const {
    return std::ranges::any_of(open_, [](const PlacedUnit& unit) { return !unit.heading; });
  }

  void add_unit(const PlacedUnit& unit) {
    if (!open_.empty() && weight_ + added_weight(unit.unit) > budget_) {
      flush(true);
      // What was carried over gives way: repeated sentences first, then the headings.
      while (!open_.empty() && weight_ + added_weight(unit.unit) > budget_) drop_first();
    }
    push(unit);
    ++fresh_;
  }

  void push(const PlacedUnit& unit) {
    if (open_.empty()) budget_ = budget_for(unit.node);
    weight_ += added_weight(unit.unit);
    open_.push_back(unit);
  }

  // Takes the first unit out of the open chunk, which becomes a chunk of its own if it is in none.
  void drop_first() {
    if (open_.size() <= fresh_) {
      emit();
      open_.clear();
      weight_ = fresh_ = 0;
      return;
    }
    reopen(std::vector<PlacedUnit>(open_.begin() + 1, open_.end()), fresh_);
  }

  void reopen(const std::vector<PlacedUnit>& units, std::size_t fresh) {
    open_.clear();
    weight_ = 0;
    for (const PlacedUnit& unit : units) push(unit);
    fresh_ = fresh;
  }

  // Ends the open chunk and begins the next with the headings at its end, or with its last
  // sentences.
  void flush(bool overlap) {
    std::size_t headings = 0;
    while (headings < open_.size() && open_[open_.size() - 1 - headings].heading) ++headings;
    if (headings == open_.size()) headings = 0; // there is nothing else in it
    const std::vector<PlacedUnit> moved(open_.end() - static_cast<std::ptrdiff_t>(headings),
                                        open_.end());
    open_.resize(open_.size() - headings);
    const std::size_t moved_fresh = std::min(fresh_, headings);
    fresh_ -= moved_fresh;
    emit();
    if (headings > 0) return reopen(moved, moved_fresh);
    reopen(overlap ? repeated() : std::vector<PlacedUnit>{}, 0);
  }

  // The last whole units of the open chunk that fit the overlap; never a heading, never all.
  std::vector<PlacedUnit> repeated() const {
    std::size_t first = open_.size();
    std::size_t weight = 0;
    while (first > 1 && !open_[first - 1].heading) {
      weight += own_weight(open_[first - 1].unit);
      if (weight > config_.overlap_tokens) break;
      --first;
    }
    return {open_.begin() + static_cast<std::ptrdiff_t>(first), open_.end()};
  }

  void emit() {
    if (fresh_ == 0) return;
    Node node = open_.front().node;
    for (const PlacedUnit& unit : open_) node = outline_.common(node, unit.node);
    chunks_.push_back({{open_.front().unit.span.start, open_.back().unit.span.end},
                       outline_.path(node, config_.chunk_tokens / kPathShare)});
    fresh_ = 0;
  }

  const ChunkerConfig& config_;
  const TitleOutline& outline_;
  std::vector<PlacedUnit> open_;
  std::size_t weight_ = 0;
  std::size_t budget_ = 0;
  std::size_t fresh_ = 0; // how many units at the end of `open_` are in no chunk yet
  std::vector<ChunkSpan> chunks_;
};

} // namespace

Result<std::vector<ChunkSpan>> chunk_text(const ExtractedText& extracted, std::string_view title,
                                          const ChunkerConfig& config,
                                          const TokenCounter& count_tokens) {
  const std::string_view text = extracted.text;
  const std::size_t max_weight = config.chunk_tokens - config.chunk_tokens / kPathShare;
  title = title_part(title);
  TitleOutline outline(title, title.empty() ? 0 : count_tokens(title) + 1);
  ChunkPacker packer(config, outline);
  for (const Block& block : extracted.blocks) {
    const bool heading = block.kind == BlockKind::kHeading || block.kind == BlockKind::kTerm;
    std::string_view name;
    if (heading)
      name = title_part(text.substr(block.span.start, block.span.end - block.span.start));
    const Node node = outline.enter(block, name, heading ? count_tokens(name) : 0);
    std::vector<PlacedUnit> units;
    for (const TextUnit& unit : text_units(text, block, max_weight, count_tokens)) {
      units.push_back({unit, node, heading});
    }
    packer.add_block(std::move(units), block.kind == BlockKind::kHeading);
    if (packer.chunk_count() > config.max_chunks_per_document) break;
  }
  std::vector<ChunkSpan> chunks = packer.finish();
  if (chunks.size() > config.max_chunks_per_document) {
    return fail(ErrorCode::kTooLarge, fmt::format("the document has more than {} chunks",
                                                  config.max_chunks_per_document));
  }
  return chunks;
}

} // namespace raglan::ingest
