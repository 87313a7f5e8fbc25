#include "postgres_store/lexical_hits.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <limits>

namespace raglan::postgres_store {
namespace {

using PageSums = std::array<float, kPageIds>;

// Which slots of a page are dead.
using DeadSlots = boost::unordered_flat_map<std::uint64_t, std::bitset<kPageIds>>;

DeadSlots dead_slots(std::span<const std::int64_t> dead) {
  DeadSlots slots;
  for (const std::int64_t each : dead) {
    const auto id = static_cast<std::uint64_t>(each);
    slots[page_number(id)].set(slot_of(id));
  }
  return slots;
}

std::size_t count_dead(const PostingList& list, const DeadSlots& dead) {
  std::size_t count = 0;
  std::size_t begin = 0;
  for (const PostingList::Run& run : list.runs()) {
    const auto slots = dead.find(run.page);
    if (slots != dead.end()) {
      for (const PackedPosting each : list.postings().subspan(begin, run.end - begin)) {
        count += slots->second[each.slot()] ? 1 : 0;
      }
    }
    begin = run.end;
  }
  return count;
}

// Chunks that hold the term.
std::size_t frequency(const QuestionTerm& term, const DeadSlots& dead) {
  std::size_t chunks = 0;
  for (const auto& list : term.lists) {
    chunks += list->size() - (dead.empty() ? 0 : count_dead(*list, dead));
  }
  return chunks;
}

void clear(PageSums& sums, const std::bitset<kPageIds>& slots) {
  for (std::size_t i = 0; i < kPageIds; ++i) {
    if (slots[i]) sums[i] = 0;
  }
}

// Written so that a compiler needs no licence to reorder it for several numbers at a time.
float largest(std::span<const float> sums) {
  constexpr std::size_t kLanes = 8; // of which groups are multiples
  std::array<float, kLanes> most{};
  for (std::size_t i = 0; i < sums.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      most[lane] = sums[i + lane] > most[lane] ? sums[i + lane] : most[lane];
    }
  }
  return *std::ranges::max_element(most);
}

// Goes through a list, page by page.
class Cursor {
 public:
  static constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();

  Cursor(const PostingList& list, float weight, const store::Saturation& saturation)
      : weight_(weight),
        saturation_(saturation),
        run_(list.runs().data()),
        runs_end_(run_ + list.runs().size()),
        begin_(list.postings().data()),
        at_(begin_),
        worked_out_(begin_),
        end_(begin_ + list.size()) {}

  // Where it stands; kEnd: at the end.
  std::uint64_t page() const { return run_ == runs_end_ ? kEnd : run_->page; }

  // Adds what the page's postings are worth, and goes on to the next page, which it returns. Of
  // each slot that is added to, its group's bit of `touched` is set.
  std::uint64_t add_to(PageSums& sums, std::uint32_t& touched) {
    const PackedPosting* const end = begin_ + run_++->end;
    while (at_ != end) {
      if (at_ == worked_out_) work_out();
      const PackedPosting* const stop = std::min(end, worked_out_);
      const float* part = parts_.data() + parts_.size() - (worked_out_ - at_);
      for (; at_ != stop; ++at_) {
        sums[at_->slot()] += *part++;
        touched |= 1U << at_->slot() / kGroupIds;
      }
    }
    return page();
  }

 private:
  // For many at once, as that has no branches. Parts end where the array ends.
  void work_out() {
    const auto count = std::min<std::size_t>(parts_.size(), static_cast<std::size_t>(end_ - at_));
    float* const parts = parts_.data() + parts_.size() - count;
    const float weight = weight_; // copies, which no part can be written over
    const store::Saturation saturation = saturation_;
    const PackedPosting* const postings = at_;
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = weight * saturation(static_cast<float>(postings[i].occurrences()),
                                     static_cast<float>(postings[i].length_terms()));
    }
    worked_out_ = at_ + count;
  }

  const float weight_;
  const store::Saturation& saturation_;
  const PostingList::Run* run_;
  const PostingList::Run* const runs_end_;
  const PackedPosting* const begin_;
  const PackedPosting* at_;
  const PackedPosting* worked_out_; // up to there
  const PackedPosting* const end_;
  std::array<float, 64> parts_; // of what is worked out
};

// More than have a hit, where terms meet.
std::size_t count_groups(std::span<const QuestionTerm> question, std::size_t segments) {
  std::size_t sum = 0;
  for (std::size_t segment = 0; segment < segments; ++segment) {
    std::size_t postings = 0;
    std::size_t pages = 0; // of the term that has most
    for (const QuestionTerm& term : question) {
      postings += term.lists[segment]->size();
      pages = std::max(pages, term.lists[segment]->runs().size());
    }
    sum += std::min(postings, pages * (kPageIds / kGroupIds));
  }
  return sum;
}

} // namespace

LexicalHits::LexicalHits(std::span<const QuestionTerm> question, std::span<const std::int64_t> dead,
                         const LexicalStatistics& statistics)
    : question_terms_(static_cast<std::uint32_t>(question.size())) {
  const auto average = static_cast<float>(statistics.terms) /
                       static_cast<float>(std::max<std::uint64_t>(statistics.chunks, 1));
  const store::Saturation saturation({}, std::max(average, 1.0f));
  const DeadSlots slots = dead_slots(dead);
  store::QuestionWeight weight_of(statistics.chunks);
  std::vector<float> weights;
  for (const QuestionTerm& term : question) {
    weights.push_back(weight_of.add(term.count, frequency(term, slots)));
  }
  ceiling_ = weight_of.ceiling();
  rare_term_ratio_ = weight_of.rare_term_ratio();

  const std::size_t segments = question.empty() ? 0 : question.front().lists.size();
  const std::size_t most_groups = count_groups(question, segments);
  groups_.reserve(most_groups);
  sums_.reserve(most_groups);
  most_.reserve(most_groups);
  PageSums sums{}; // of one page after the other; 0 between them
  std::vector<Cursor> cursors;
  std::vector<std::uint64_t> heads; // where each stands
  for (std::size_t segment = 0; segment < segments; ++segment) {
    cursors.clear();
    heads.clear();
    for (std::size_t i = 0; i < question.size(); ++i) {
      cursors.emplace_back(*question[i].lists[segment], weights[i], saturation);
      heads.push_back(cursors.back().page());
    }
    std::uint64_t page = *std::ranges::min_element(heads);
    while (page != Cursor::kEnd) {
      std::uint64_t next = Cursor::kEnd;
      std::uint32_t touched = 0;
      for (std::size_t i = 0; i < heads.size(); ++i) {
        if (heads[i] == page) heads[i] = cursors[i].add_to(sums, touched);
        next = std::min(next, heads[i]);
      }
      if (const auto gone = slots.find(page); gone != slots.end()) clear(sums, gone->second);
      for (; touched != 0; touched &= touched - 1) {
        const auto group = static_cast<std::size_t>(std::countr_zero(touched));
        const auto of_group = std::span(sums).subspan(group * kGroupIds).first<kGroupIds>();
        keep(page * (kPageIds / kGroupIds) + group, of_group);
        std::ranges::fill(of_group, 0.0f);
      }
      page = next;
    }
    segment_end_.push_back(groups_.size());
  }
}

void LexicalHits::keep(std::uint64_t number, std::span<const float, kGroupIds> sums) {
  groups_.push_back(number);
  std::ranges::copy(sums, sums_.emplace_back().begin());
  most_.push_back(largest(sums));
}

float LexicalHits::score_of(std::uint64_t chunk_id) const {
  const std::uint64_t group = chunk_id / kGroupIds;
  std::size_t begin = 0;
  for (const std::size_t end : segment_end_) {
    const std::span groups = std::span(groups_).subspan(begin, end - begin);
    if (!groups.empty() && groups.front() <= group && group <= groups.back()) { // of few segments
      const auto at = std::ranges::lower_bound(groups, group);
      const std::size_t place = begin + static_cast<std::size_t>(at - groups.begin());
      const float sum = *at == group ? sums_[place][chunk_id % kGroupIds] : 0;
      if (sum > 0) return sum;
    }
    begin = end;
  }
  return 0;
}

float LexicalHits::bar(std::size_t count) const {
  if (count == 0 || most_.size() <= count) return 0;
  // So many groups have a chunk each that scores as much.
  std::vector<float> most = most_;
  const auto last = most.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::ranges::nth_element(most, last, std::greater());
  return *last;
}

std::vector<store::IndexHit> LexicalHits::best(std::size_t count) const {
  const float least = bar(count);
  store::TopHits top(count);
  for (std::size_t i = 0; i < most_.size(); ++i) {
    if (most_[i] < least) continue;
    for (std::size_t slot = 0; slot < kGroupIds; ++slot) {
      const float sum = sums_[i][slot];
      if (sum == 0 || sum < least) continue;
      top.add({sum, groups_[i] * kGroupIds + slot, 0});
    }
  }
  return top.take();
}

} // namespace raglan::postgres_store
