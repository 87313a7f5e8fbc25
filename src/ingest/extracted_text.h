// What every format becomes: text without markup, and where its parts begin and end.
//
// Invariants: `text` is valid UTF-8; blocks are in order, not empty, do not overlap, begin and end
// with something visible, and hold every byte of the text that is not white space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/sentences.h"

namespace raglan::ingest {

enum class BlockKind : std::uint8_t {
  kHeading,
  kTerm, // what a definition list defines: a heading of its definition
  kParagraph,
  kListItem,
  kCode, // line breaks and indentation kept
  kTableRow,
};

struct Block {
  BlockKind kind = BlockKind::kParagraph;
  // Of a heading: 1 (outermost) to 6. Of anything else: how many definition lists it is in, so that
  // it is known which terms still apply.
  std::uint8_t level = 0;
  TextSpan span;
};

inline constexpr std::uint8_t kMaxHeadingLevel = 6;
inline constexpr std::uint8_t kMaxTermDepth = 8; // deeper definition lists count as this deep

struct ExtractedText {
  std::string title; // empty: the document names none
  std::string text;
  std::vector<Block> blocks;
};

// Builds an ExtractedText from a format's events, in one pass.
class TextBuilder {
 public:
  // Ends the open block and begins another, which exists once it holds something visible. A list
  // item's text begins with "- ".
  void open(BlockKind kind, std::uint8_t level = 0);
  void close();
  // Text of the open block (a paragraph when none is open). Runs of white space, no-break spaces
  // included, become one space; in code they are kept.
  void add(std::string_view text);
  // The same with every white space kept.
  void add_verbatim(std::string_view text);
  // Begins a new line of the open block.
  void add_line_break();
  // Puts " | " between what the open block has and what it gets next.
  void add_cell_break();

  bool has_open_block() const { return open_; }
  bool open_block_is_empty() const { return !visible_; }
  BlockKind open_kind() const { return kind_; }
  std::size_t size_bytes() const { return out_.text.size(); }
  // The bytes of the last block, as far as it has any; empty before the first.
  std::string_view last_block() const;
  // Makes the last block, which must be closed, one of another kind.
  void relabel_last_block(BlockKind kind, std::uint8_t level);

  ExtractedText finish(std::string title);

 private:
  enum class Gap : std::uint8_t { kNone, kSpace, kLine, kCell };

  void begin_visible();

  ExtractedText out_;
  bool open_ = false;
  bool visible_ = false; // the open block has been given something
  BlockKind kind_ = BlockKind::kParagraph;
  std::uint8_t level_ = 0;
  Gap gap_ = Gap::kNone; // between what the open block has and what it gets next
};

} // namespace raglan::ingest
