// The sentences of a passage that could stand in an answer, and what they bring along.
//
// Left out: headings (lines that stand in the title path), questions, and what is too long to
// quote. Rows of tables, items of lists without a full stop, code, and what else is no sentence of
// prose is loose: it can answer, but not as well.
//
// A sentence that ends in ':', or that breaks off before a block that is no sentence either ("The
// command to restore a dump is", then the command), announces something: it takes the block that
// follows it along, or is left out when that block is too long or belongs to another passage.
// Sentences that define a term (a parameter's name, an option), down to the next term or heading,
// take the term along: "The default is three" does not say of what.
//
// Pure; thread safe.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace raglan::rag {

inline constexpr std::size_t kMinSentenceBytes = 24;
inline constexpr std::size_t kMinLooseBytes = 8;
inline constexpr std::size_t kMinAnnouncementBytes = 12;
inline constexpr std::size_t kMaxSentenceBytes = 400;
inline constexpr std::size_t kMaxAnnouncedBytes = 400; // the block that is announced
inline constexpr std::size_t kMaxTermBytes = 80;

// Bytes of the passage's text.
struct QuotableSentence {
  std::size_t start = 0;
  std::size_t sentence_end = 0;
  std::size_t end = 0; // of the announced block; else sentence_end
  std::size_t term_start = 0;
  std::size_t term_end = 0; // 0: it defines no term
  bool loose = false;
};

// In the text's order.
std::vector<QuotableSentence> quotable_sentences(std::string_view text,
                                                 std::string_view title_path);

} // namespace raglan::rag
