// Citations in what a language model writes: "[2]" and "[1, 3]", as the prompt asks for.
//
//   CitationFilter filter(passages);
//   std::string shown = filter.feed(piece);      // of each piece, as it comes
//   shown = filter.finish();                     // what was held back
//
// Numbers that no passage has are taken out, so that every citation that a reader sees leads
// somewhere; several in one pair of brackets get one each: "[1, 3]" is shown as "[1][3]". Blanks in
// front of a citation of which nothing is left go with it. In code, between backquotes, brackets
// are none of our business; a paragraph ends what stray backquotes began (a fenced block has three
// or more, and goes on). Whatever else stands in brackets is shown as it is.
//
// What is shown does not depend on where the pieces are cut. At most kMaxHeldBytes are held back.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace raglan::rag {

// Which parts of a text are code: between as many backquotes as it began with (CommonMark, 6.1), up
// to the end of the paragraph, or a block that is fenced by three or more.
class CodeSpans {
 public:
  // The text, character by character.
  void take(char c);
  // Whether the character taken last is part of code.
  bool inside() const { return fence_ != 0; }

 private:
  std::size_t backquotes_ = 0; // in a row, just now
  bool line_empty_ = false;    // so far
  std::size_t fence_ = 0;      // that opened the code that this is in; 0: no code
};

class CitationFilter {
 public:
  static constexpr std::size_t kMaxHeldBytes = 64;

  // Passages are numbered from 1.
  explicit CitationFilter(std::size_t passages) : passages_(passages) {}

  std::string feed(std::string_view piece);
  std::string finish();

  // Numbers so far that no passage has.
  std::size_t removed() const { return removed_; }

 private:
  void take(char c, std::string& out);
  void release(std::string& out);
  void end_citation(std::string& out);

  const std::size_t passages_;
  std::string held_;                        // blanks, and then perhaps the beginning of a citation
  std::size_t bracket_ = std::string::npos; // where it begins in `held_`
  CodeSpans code_;
  std::size_t removed_ = 0;
};

// A citation in a finished text; brackets in code are none.
struct Citation {
  std::uint32_t n = 0;
  std::size_t start = 0; // bytes [start, end) of the text, brackets included
  std::size_t end = 0;
};
std::vector<Citation> find_citations(std::string_view text, std::size_t passages);

} // namespace raglan::rag
