#include "rag/sentence_candidates.h"

#include <algorithm>

#include "base/sentences.h"

namespace raglan::rag {
namespace {

constexpr std::size_t kMinWords = 4;
constexpr std::string_view kTitleSeparator = " > ";
constexpr std::string_view kBlank = " \t\r\n";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool word = is_letter(c) || static_cast<unsigned char>(c) >= 0x80;
    words += word && !inside;
    inside = word || (inside && c != ' ' && c != '\n' && c != '\t');
  }
  return words;
}

// Code and tables have many signs, prose has few.
bool looks_like_prose(std::string_view text) {
  const auto plain = std::ranges::count_if(text, [](char c) {
    return is_letter(c) || c == ' ' || c == ',' || static_cast<unsigned char>(c) >= 0x80;
  });
  return static_cast<double>(plain) >= 0.8 * static_cast<double>(text.size());
}

// The last character, closing quotes and brackets aside.
char last_sign(std::string_view text) {
  const std::size_t last = text.find_last_not_of("\"')]}");
  return last == text.npos ? '\0' : text[last];
}

bool is_heading(std::string_view line, std::string_view title_path) {
  for (std::size_t at = 0; at <= title_path.size();) {
    const std::size_t end = std::min(title_path.find(kTitleSeparator, at), title_path.size());
    if (line == title_path.substr(at, end - at)) return true;
    at = end + kTitleSeparator.size();
  }
  return false;
}

// The end of the block that begins behind `at`: up to a blank line or the text's end.
std::size_t block_end(std::string_view text, std::size_t at) {
  const std::size_t start = text.find_first_not_of(kBlank, at);
  if (start == text.npos) return text.npos;
  const std::size_t blank_line = std::min(text.find("\n\n", start), text.size());
  return text.find_last_not_of(kBlank, blank_line - 1) + 1;
}

bool can_be_quoted(std::string_view sentence, std::string_view title_path) {
  if (sentence.size() < kMinSentenceBytes || sentence.size() > kMaxSentenceBytes) return false;
  const char last = last_sign(sentence);
  const bool ended =
      last == '.' || last == '!' || last == ':' || static_cast<unsigned char>(last) >= 0x80;
  return ended && count_words(sentence) >= kMinWords && looks_like_prose(sentence) &&
         !is_heading(sentence, title_path);
}

} // namespace

std::vector<QuotableSentence> quotable_sentences(std::string_view text,
                                                 std::string_view title_path) {
  std::vector<QuotableSentence> quotable;
  for (TextSpan span : split_sentences(text)) {
    // A heading or a line of code right above is part of the sentence for want of a full stop.
    for (std::size_t line = text.find('\n', span.start); line < span.end;
         line = text.find('\n', span.start)) {
      const std::string_view first = text.substr(span.start, line - span.start);
      if (!is_heading(first, title_path) && looks_like_prose(first)) break;
      span.start = text.find_first_not_of(kBlank, line);
    }
    const std::string_view sentence = text.substr(span.start, span.end - span.start);
    if (!can_be_quoted(sentence, title_path)) continue;
    std::size_t end = span.end;
    if (sentence.back() == ':') {
      end = block_end(text, span.end);
      if (end == text.npos || end - span.end > kMaxAnnouncedBytes) continue;
    }
    quotable.push_back({span.start, span.end, end});
  }
  return quotable;
}

} // namespace raglan::rag
