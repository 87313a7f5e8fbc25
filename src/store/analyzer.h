// Text to index terms, the same for documents and questions: split at everything that is no letter,
// digit or mark; fold case (Unicode's case folding with NFKC, as utf8proc does it; ASCII takes a
// short cut); leave out the commonest English words; stem (Snowball's English stemmer, Porter 2).
//
// A term is the 64-bit hash of its letters: an index holds hundreds of thousands of terms, and a
// collision among so many has a chance of one in 10^8. Words longer than kMaxWordBytes are cut.
// kAnalyzerVersion changes with anything that changes a term, and makes stored indexes invalid.
//
// Thread safe: each thread keeps a stemmer of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace raglan::store {

inline constexpr std::uint32_t kAnalyzerVersion = 1;
inline constexpr std::size_t kMaxWordBytes = 128;

using Term = std::uint64_t;

// The terms of a text in their order, repetitions included.
std::vector<Term> analyze(std::string_view text);

// What of a chunk is indexed.
inline std::string indexed_text(std::string_view title_path, std::string_view text) {
  std::string both(title_path);
  if (!both.empty()) both += '\n';
  return both += text;
}

} // namespace raglan::store
