// Cuts extracted text into passages that are retrieved, embedded and cited.
//
// Chunks follow the document's structure before they follow the budget: a heading begins a new one
// (unless the last would be very short), blocks stay whole where they fit, a block that does not is
// cut between sentences (code: lines), and only a sentence that is longer than a whole chunk is cut
// between words, or inside a word at a character. A heading is never the last thing in a chunk.
// Within a section each chunk repeats the last whole sentences of the one before, up to
// `overlap_tokens`. Fixed windows of tokens were rejected: they cut sentences and mix sections.
//
// A chunk's tokens are those of its title path and of its text. Each sentence is counted once and
// counts are added up: WordPiece and most other tokenizers never make one token of two words.
//
// Invariants, for any input: every byte of text that is not white space is in at least one chunk;
// a chunk is the text's bytes [start, end), valid UTF-8, neither empty nor with white space at its
// ends; chunks are in order of their starts and ends; no chunk has more than chunk_tokens tokens
// (a title path that takes more than a quarter of that loses its outer parts), nor more than
// chunk_tokens * kMaxBytesPerToken bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/chunker_config.h"
#include "ingest/extracted_text.h"

namespace raglan::ingest {

// Part of the content hash: to be raised with every change that makes other chunks or vectors of
// the same text, in the extractors as well.
inline constexpr std::uint64_t kChunkerVersion = 2;

// Text that a tokenizer takes for very few tokens (a word of a megabyte is one unknown token) is
// taken for at least one token per this many bytes.
inline constexpr std::size_t kMaxBytesPerToken = 16;

// Between the parts of a title path.
inline constexpr std::string_view kTitleSeparator = " > ";

// Tokens of a text, without the special ones.
using TokenCounter = std::function<std::size_t(std::string_view)>;

struct ChunkSpan {
  TextSpan span;
  std::string title_path; // `title`, then the headings above or at the chunk's start
};

// `title` begins each title path, unless it is empty or the first heading says the same.
// Error: kTooLarge (more than config.max_chunks_per_document).
Result<std::vector<ChunkSpan>> chunk_text(const ExtractedText& extracted, std::string_view title,
                                          const ChunkerConfig& config,
                                          const TokenCounter& count_tokens);

} // namespace raglan::ingest
