#include "postgres_store/posting_list.h"

#include <algorithm>

#include "postgres_store/postings.h"

namespace raglan::postgres_store {

PackedPosting::PackedPosting(std::size_t slot, std::uint32_t occurrences,
                             std::uint32_t length_terms)
    : bits_(static_cast<std::uint32_t>(slot) |
            std::min(occurrences, kMostOccurrences) << kPageBits |
            std::min(length_terms, kMostTerms) << (kPageBits + kOccurrenceBits)) {}

Result<PostingList> PostingList::read(std::string_view entries) {
  std::vector<Posting> postings;
  if (auto ok = decode_postings(entries, postings); !ok) return forward_error(ok);
  if (!std::ranges::is_sorted(postings, {}, &Posting::chunk_id)) { // of several blocks
    std::ranges::sort(postings, {}, &Posting::chunk_id);
  }
  PostingList list;
  list.postings_.reserve(postings.size());
  for (const Posting& each : postings) {
    const std::uint64_t page = page_number(each.chunk_id);
    if (list.runs_.empty() || list.runs_.back().page != page) list.runs_.push_back({page, 0});
    list.postings_.emplace_back(slot_of(each.chunk_id), each.occurrences, each.length_terms);
    list.runs_.back().end = list.postings_.size();
  }
  list.runs_.shrink_to_fit();
  return list;
}

std::size_t PostingList::memory_bytes() const {
  return sizeof *this + postings_.capacity() * sizeof(PackedPosting) +
         runs_.capacity() * sizeof(Run);
}

} // namespace raglan::postgres_store
