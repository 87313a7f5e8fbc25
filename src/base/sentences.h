// Sentence boundaries: where a passage may be cut, and what an extractive answer is made of.
//
// Rules instead of a trained model (Punkt: Kiss and Strunk, 2006): the same text is always cut in
// the same places, in every process and version, and a wrong cut can be explained. A sentence ends
//   - at `.`, `!`, `?` or `…` (closing quotes and brackets included) before white space, unless the
//     word is an abbreviation or an initial, or what follows looks like a continuation;
//   - at the full stops of scripts that need no space (。！？।۔ and others);
//   - at a blank line, and before a line that is a list item.
// A single line break is white space: lines of prose are wrapped. Decimals, versions, file names
// and code (`a.b`, `1.5`, `x.y()`) are not cut, for lack of the white space.
//
// Linear in the text. Thread safe.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace raglan {

// The bytes [start, end) of a text.
struct TextSpan {
  std::size_t start = 0;
  std::size_t end = 0;
  auto operator<=>(const TextSpan&) const = default;
};

// The sentences of (valid UTF-8) text, in order, without the white space around them. Every byte
// that is not ASCII white space is in exactly one of them; no character is cut. Text without any
// boundary is one sentence, however long: callers bound it.
std::vector<TextSpan> split_sentences(std::string_view text);

} // namespace raglan
