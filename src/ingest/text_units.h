// The smallest pieces of which chunks are made, each counted once.
//
// A block's units are its sentences; of code, its lines. A unit that is heavier than `max_weight`
// is cut between words, and a word that is heavier by itself at a character.
//
// Thread safety: that of the token counter.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "ingest/chunker.h"
#include "ingest/extracted_text.h"

namespace raglan::ingest {

struct TextUnit {
  TextSpan span; // within the whole text
  std::size_t tokens = 0;
};

// The budget that `tokens` tokens in `bytes` bytes use up: see kMaxBytesPerToken.
std::size_t weight_of(std::size_t tokens, std::size_t bytes);

// The units of one block of `text`, in order: all of it but white space. No unit's weight is above
// max_weight, unless it is a single character.
std::vector<TextUnit> text_units(std::string_view text, const Block& block, std::size_t max_weight,
                                 const TokenCounter& count_tokens);

} // namespace raglan::ingest
