// Which headings stand above a passage.
//
// The headings and terms seen so far form a tree under the document's title: a heading's parent is
// the last one of a lower level. Nodes are numbers; a node's parent is always smaller. One node per
// heading and no strings, so that a document of a million headings costs megabytes, not gigabytes.
//
// Not thread safe. The text must outlive the outline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/extracted_text.h"

namespace raglan::ingest {

// What a path has of a heading: of a very long one, the beginning.
std::string_view title_part(std::string_view heading);

class TitleOutline {
 public:
  using Node = std::uint32_t; // 0 is the document itself

  // Titles and names are title_part()s; their tokens are counted by the caller.
  TitleOutline(std::string_view title, std::size_t title_tokens);

  // The node of the next block. Heading and term blocks get one of their own, with `name` (their
  // title_part) and its tokens; all others that of the heading above them.
  Node enter(const Block& block, std::string_view name, std::size_t name_tokens);

  // The innermost node that is above both, or is one of them.
  Node common(Node a, Node b) const;
  // Tokens of the whole path, separators included.
  std::size_t path_tokens(Node node) const { return nodes_[node].path_tokens; }
  // The path's parts, outermost first, with separators between them. Outer parts are left out as
  // long as it has more than `max_tokens`.
  std::string path(Node node, std::size_t max_tokens) const;

 private:
  struct Entry {
    Node parent = 0;
    std::uint8_t rank = 0; // headings 1 to 6, terms below them
    std::size_t path_tokens = 0;
    std::string_view name; // empty: no part of any path
  };

  std::vector<Entry> nodes_;
  Node current_ = 0;
  bool has_headings_ = false;
};

} // namespace raglan::ingest
