#include "ingest/extracted_text.h"

#include <utility>

namespace raglan::ingest {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";
constexpr std::string_view kNoBreakSpace = "\u00a0";
constexpr std::string_view kListMarker = "- ";

// The bytes at the front of `text` up to the next white space, no-break space included.
std::size_t word_length(std::string_view text) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) <= ' ') break;
    if (c == kNoBreakSpace[0] && text.substr(at).starts_with(kNoBreakSpace)) break;
  }
  return at;
}

// The length of the white space at the front; control characters count as white space.
std::size_t space_length(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) <= ' ') {
      ++at;
    } else if (text.substr(at).starts_with(kNoBreakSpace)) {
      at += kNoBreakSpace.size();
    } else {
      break;
    }
  }
  return at;
}

} // namespace

void TextBuilder::open(BlockKind kind, std::uint8_t level) {
  close();
  open_ = true;
  visible_ = false;
  kind_ = kind;
  level_ = level;
  gap_ = Gap::kNone;
}

void TextBuilder::close() {
  if (open_ && visible_) {
    std::string& text = out_.text;
    while (kSpaces.find(text.back()) != kSpaces.npos) text.pop_back();
    out_.blocks.back().span.end = text.size();
  }
  open_ = false;
  visible_ = false;
}

// Called before the block's first visible byte, and between what it has and what it gets.
void TextBuilder::begin_visible() {
  if (!open_) open(BlockKind::kParagraph);
  std::string& text = out_.text;
  if (visible_) {
    switch (gap_) {
      case Gap::kNone: break;
      case Gap::kSpace: text += ' '; break;
      case Gap::kLine: text += '\n'; break;
      case Gap::kCell: text += " | "; break;
    }
  } else {
    if (!out_.blocks.empty()) {
      const bool same_list =
          kind_ == BlockKind::kListItem && out_.blocks.back().kind == BlockKind::kListItem;
      text += same_list ? "\n" : "\n\n";
    }
    out_.blocks.push_back({kind_, level_, {text.size(), text.size()}});
    if (kind_ == BlockKind::kListItem) text += kListMarker;
    visible_ = true;
  }
  gap_ = Gap::kNone;
}

void TextBuilder::add(std::string_view text) {
  if (open_ && kind_ == BlockKind::kCode) return add_verbatim(text);
  while (!text.empty()) {
    if (const std::size_t spaces = space_length(text)) {
      if (gap_ == Gap::kNone) gap_ = Gap::kSpace;
      text.remove_prefix(spaces);
      continue;
    }
    const std::size_t length = word_length(text);
    begin_visible();
    out_.text += text.substr(0, length);
    text.remove_prefix(length);
  }
}

void TextBuilder::add_verbatim(std::string_view text) {
  if (!visible_) {
    const std::size_t first = text.find_first_not_of(kSpaces);
    if (first == text.npos) return;
    text.remove_prefix(first); // a block begins with something visible
  }
  if (text.empty()) return;
  begin_visible();
  out_.text += text;
}

void TextBuilder::add_line_break() {
  if (open_ && kind_ == BlockKind::kCode) return add_verbatim("\n");
  if (gap_ != Gap::kCell) gap_ = Gap::kLine;
}

void TextBuilder::add_cell_break() { gap_ = Gap::kCell; }

std::string_view TextBuilder::last_block() const {
  if (out_.blocks.empty()) return {};
  const TextSpan span = out_.blocks.back().span;
  return std::string_view(out_.text).substr(span.start, span.end - span.start);
}

void TextBuilder::relabel_last_block(BlockKind kind, std::uint8_t level) {
  out_.blocks.back().kind = kind;
  out_.blocks.back().level = level;
}

ExtractedText TextBuilder::finish(std::string title) {
  close();
  out_.title = std::move(title);
  return std::move(out_);
}

} // namespace raglan::ingest
