// A chunk's vector: its own embedding, leaning toward that of its document's first chunk.
//
// The first passage of a document says what the document is about; later ones take it for granted,
// and alone they are found for questions about something else. The lean falls with the distance
// (the second chunk's is kLean, the n-th's kLean / (n - 1)), so that it places the passages of
// short documents and leaves those of long pages, whose title paths say where they belong, nearly
// alone. It costs no inference. docs/decisions/0005-fusion.md has the figures, and those of a lean
// that does not fall, which hides passages of long pages.
//
// Pure; thread safe.
#pragma once

#include <span>

#include "store/types.h"

namespace raglan::ingest {

inline constexpr float kLean = 0.6f;

// Sets document.vectors. `embedded`: one row of length 1 per chunk, in their order, none left over.
void attach_vectors(store::PreparedDocument& document, std::span<const float> embedded);

} // namespace raglan::ingest
