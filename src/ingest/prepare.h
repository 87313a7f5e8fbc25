// From a document's bytes to what the store writes, but for the vectors.
//
// Thread safety: both functions may be called from any thread; the calls are CPU work of up to
// seconds for the largest documents and belong on an executor.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "ingest/chunker.h"
#include "ingest/chunker_config.h"
#include "ingest/source_document.h"
#include "store/types.h"

namespace raglan::ingest {

// Over everything that, when changed, requires a new write: id, title, uri, bytes, media type,
// metadata, the chunker's settings and version, and the embedder. Needs no extraction, so that
// unchanged documents cost no more than their hash.
Hash128 content_hash(const SourceDocument& source, const ChunkerConfig& config,
                     std::string_view embedder_id);

// Extracts and chunks; the caller adds `vectors`. Errors: those of extract_text (extractor.h) and
// chunk_text (chunker.h).
Result<store::PreparedDocument> prepare_document(const SourceDocument& source,
                                                 const ChunkerConfig& config,
                                                 const TokenCounter& count_tokens,
                                                 std::string_view embedder_id);

// What is embedded for a chunk: its title path, so that "how is it configured?" finds the passage
// of the right chapter, and its text.
std::string embedding_text(const store::Document& document, const store::Chunk& chunk);

} // namespace raglan::ingest
