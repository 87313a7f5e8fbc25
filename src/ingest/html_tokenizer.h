// HTML's tokens, one after the other: enough of the HTML Standard's tokenizer (13.2.5) to take text
// out of pages.
//
// Not a tree: Gumbo was tried and rejected, because its tree construction needs quadratic time on
// nested elements (100 KB of "<div>" took one second, 400 KB twenty), and building a tree the way
// the standard says can need quadratic memory as well. Extraction needs no tree. Every byte is read
// a bounded number of times here, and memory does not grow.
//
// The bytes must be UTF-8 and outlive the tokenizer and its tokens. Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raglan::ingest {

struct HtmlToken {
  enum class Kind : std::uint8_t {
    kText,     // with its character references, unless `raw`
    kStartTag, // <br/> as well
    kEndTag,
    kEnd, // of the page
  };
  Kind kind = Kind::kEnd;
  bool raw = false;      // text of a script, style sheet or the like: no references in it
  std::string name;      // of a tag, in lower case
  std::string_view text; // of a text

  // The value of a start tag's attribute, as it is written; the name in lower case.
  std::optional<std::string_view> attribute(std::string_view attribute_name) const;

  std::string_view attributes; // what stands between a tag's name and its end
};

class HtmlTokenizer {
 public:
  explicit HtmlTokenizer(std::string_view html) : html_(html) {}

  // Comments, declarations and processing instructions are left out. After the end, kEnd again.
  HtmlToken next();

 private:
  std::optional<HtmlToken> markup();
  HtmlToken tag(std::size_t name_start, bool end_tag);
  HtmlToken text_until(std::size_t end, bool raw);
  void skip_declaration();

  std::string_view html_;
  std::size_t at_ = 0;
  std::string raw_name_; // of the element whose raw text comes next; empty: none
};

} // namespace raglan::ingest
