#include "ingest/text_units.h"

#include <algorithm>

#include "base/utf8.h"

namespace raglan::ingest {
namespace {

using std::string_view;

constexpr string_view kSpaces = " \t\n\r\f\v";

std::vector<TextSpan> split_lines(string_view text) {
  std::vector<TextSpan> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const string_view line = text.substr(at, end - at);
    if (const std::size_t first = line.find_first_not_of(kSpaces); first != line.npos) {
      lines.push_back({at + first, at + line.find_last_not_of(kSpaces) + 1});
    }
    at = end + 1;
  }
  return lines;
}

class UnitCutter {
 public:
  UnitCutter(string_view text, std::size_t max_weight, const TokenCounter& count_tokens)
      : text_(text), max_weight_(max_weight), count_tokens_(count_tokens) {}

  void add(TextSpan span) {
    const std::size_t bytes = span.end - span.start;
    // Text that is too long whatever its tokens is not worth counting as a whole.
    if (bytes <= max_weight_ * kMaxBytesPerToken) {
      const std::size_t tokens = count(span);
      if (weight_of(tokens, bytes) <= max_weight_) return units_.push_back({span, tokens});
    }
    add_words(span);
  }

  std::vector<TextUnit> take() { return std::move(units_); }

 private:
  std::size_t count(TextSpan span) const {
    return count_tokens_(text_.substr(span.start, span.end - span.start));
  }

  // Greedily packs words. `open` is the unit being packed.
  void add_words(TextSpan span) {
    TextUnit open;
    const auto flush = [&] {
      if (open.span.end > open.span.start) units_.push_back(open);
      open = {};
    };
    const string_view inside = text_.substr(0, span.end);
    for (std::size_t at = span.start; at < span.end;) {
      const std::size_t start = std::min(inside.find_first_not_of(kSpaces, at), span.end);
      const std::size_t end = std::min(inside.find_first_of(kSpaces, start), span.end);
      at = end;
      if (start == end) break;
      const std::size_t bytes = end - start;
      const std::size_t tokens =
          bytes <= max_weight_ * kMaxBytesPerToken ? count({start, end}) : max_weight_ + 1;
      if (weight_of(tokens, bytes) > max_weight_) {
        flush();
        cut_word({start, end});
        continue;
      }
      const bool first = open.span.end == open.span.start;
      if (!first && weight_of(open.tokens + tokens, end - open.span.start) > max_weight_) flush();
      if (open.span.end == open.span.start) open.span.start = start;
      open.span.end = end;
      open.tokens += tokens;
    }
    flush();
  }

  // Takes pieces of a word, from its front, that are as long as the limit on bytes allows, and
  // halves each until it fits: every byte is counted at most a logarithmic number of times.
  void cut_word(TextSpan word) {
    std::size_t piece_bytes = max_weight_ * kMaxBytesPerToken;
    while (word.start < word.end) {
      const string_view rest = text_.substr(word.start, word.end - word.start);
      std::size_t length = utf8_boundary(rest, piece_bytes);
      if (length == 0) length = first_character(rest);
      const std::size_t tokens = count({word.start, word.start + length});
      if (weight_of(tokens, length) > max_weight_ && length > first_character(rest)) {
        piece_bytes = length / 2;
        continue;
      }
      units_.push_back({{word.start, word.start + length}, tokens});
      word.start += length;
    }
  }

  static std::size_t first_character(string_view text) {
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) {
      ++length;
    }
    return length;
  }

  string_view text_;
  std::size_t max_weight_;
  const TokenCounter& count_tokens_;
  std::vector<TextUnit> units_;
};

} // namespace

std::size_t weight_of(std::size_t tokens, std::size_t bytes) {
  return std::max(tokens, (bytes + kMaxBytesPerToken - 1) / kMaxBytesPerToken);
}

std::vector<TextUnit> text_units(string_view text, const Block& block, std::size_t max_weight,
                                 const TokenCounter& count_tokens) {
  const string_view inside = text.substr(block.span.start, block.span.end - block.span.start);
  const std::vector<TextSpan> spans =
      block.kind == BlockKind::kCode ? split_lines(inside) : split_sentences(inside);
  UnitCutter cutter(text, max_weight, count_tokens);
  for (const TextSpan span : spans) {
    cutter.add({block.span.start + span.start, block.span.start + span.end});
  }
  return cutter.take();
}

} // namespace raglan::ingest
