// The postings of one term in one segment, ready to be added up: four bytes each, in the order of
// their chunks, and those of neighbouring chunks together, since chunk ids are given out in order.
//
// Occurrences and lengths are exact up to kMostOccurrences and kMostTerms; larger ones count as
// those. No chunk of prose is near them: the longest that can be set has 8,192 tokens, and of a
// word that fills it the score would be a hundredth more.
//
// Thread safety: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace raglan::postgres_store {

// Chunk ids are looked at in pages: an id is a page's number and a slot in it.
inline constexpr unsigned kPageBits = 8;
inline constexpr std::size_t kPageIds = 1 << kPageBits;
inline constexpr std::uint64_t page_number(std::uint64_t chunk_id) { return chunk_id >> kPageBits; }
inline constexpr std::size_t slot_of(std::uint64_t chunk_id) { return chunk_id % kPageIds; }

class PackedPosting {
 public:
  static constexpr unsigned kOccurrenceBits = 10;
  static constexpr std::uint32_t kMostOccurrences = (1 << kOccurrenceBits) - 1;
  static constexpr std::uint32_t kMostTerms = (1 << (32 - kPageBits - kOccurrenceBits)) - 1;

  PackedPosting(std::size_t slot, std::uint32_t occurrences, std::uint32_t length_terms);

  std::size_t slot() const { return bits_ % kPageIds; }
  // Signed, as processors convert those to floats at once.
  std::int32_t occurrences() const {
    return static_cast<std::int32_t>(bits_ >> kPageBits & kMostOccurrences);
  }
  std::int32_t length_terms() const {
    return static_cast<std::int32_t>(bits_ >> (kPageBits + kOccurrenceBits));
  }

 private:
  std::uint32_t bits_;
};

class PostingList {
 public:
  // The postings of one page.
  struct Run {
    std::uint64_t page = 0;
    std::size_t end = 0; // of its postings in the list; they begin where the run before it ends
  };

  // A row's `entries` (postings.h). kCorrupt.
  static Result<PostingList> read(std::string_view entries);

  std::size_t size() const { return postings_.size(); }
  std::span<const PackedPosting> postings() const { return postings_; }
  std::span<const Run> runs() const { return runs_; }
  std::size_t memory_bytes() const;

 private:
  std::vector<PackedPosting> postings_;
  std::vector<Run> runs_;
};

} // namespace raglan::postgres_store
