#include "rag/sentence_candidates.h"

#include <algorithm>
#include <optional>

#include "base/sentences.h"

namespace raglan::rag {
namespace {

constexpr std::size_t kMinWords = 4;
constexpr double kMinPlainRatio = 0.85; // letters, digits, blanks and commas of all bytes of prose
constexpr std::size_t kMinLooseWords = 2;
constexpr std::size_t kBytesPerWord = 6; // of a script that puts no blanks between words
constexpr std::size_t kMinAnnouncementWords = 3;
constexpr std::size_t kMinUnendedWords = 5; // fewer are a heading, or a table's name
constexpr std::size_t kMaxTermWords = 6;
constexpr std::string_view kTitleSeparator = " > ";
constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kCell = " | "; // between the cells of a table's row

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  std::size_t other_bytes = 0; // of this word, that are not ASCII
  for (const char c : text) {
    const bool other = static_cast<unsigned char>(c) >= 0x80;
    const bool word = is_letter(c) || other;
    if (!inside) other_bytes = 0;
    other_bytes += other;
    words += (word && !inside) || (other && other_bytes % kBytesPerWord == 0);
    inside = word || (inside && c != ' ' && c != '\n' && c != '\t');
  }
  return words;
}

// Code and tables have many signs, prose has few.
bool looks_like_prose(std::string_view text) {
  const auto plain = std::ranges::count_if(text, [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == ' ' || c == ',' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
  return static_cast<double>(plain) >= kMinPlainRatio * static_cast<double>(text.size());
}

// The last character, closing quotes and brackets aside.
char last_sign(std::string_view text) {
  const std::size_t last = text.find_last_not_of("\"')]}");
  return last == text.npos ? '\0' : text[last];
}

bool is_heading(std::string_view line, std::string_view title_path) {
  for (std::size_t at = 0; at <= title_path.size();) {
    const std::size_t end = std::min(title_path.find(kTitleSeparator, at), title_path.size());
    // A suffix will do: the splitter takes the number before a heading for a sentence.
    if (!line.empty() && title_path.substr(at, end - at).ends_with(line)) return true;
    at = end + kTitleSeparator.size();
  }
  return false;
}

// Whether it ends as a sentence does that can be quoted: questions are not.
bool is_ended(std::string_view text) {
  const char last = last_sign(text);
  return last == '.' || last == '!' || static_cast<unsigned char>(last) >= 0x80;
}

// A passage's text as blocks with blank lines between.
class Blocks {
 public:
  explicit Blocks(std::string_view text) : text_(text) {}

  // The next block, when only white space with a blank line stands before it; else empty.
  std::string_view behind(std::size_t at) const {
    const std::size_t start = text_.find_first_not_of(kBlank, at);
    if (start == text_.npos || !text_.substr(at, start - at).contains("\n\n")) return {};
    const std::size_t end = std::min(text_.find("\n\n", start), text_.size());
    return text_.substr(start, text_.find_last_not_of(kBlank, end - 1) + 1 - start);
  }

  // The block that ends in a blank line right before `at`; empty when there is none.
  std::string_view before(std::size_t at) const {
    if (at < 2 || text_.substr(at - 2, 2) != "\n\n") return {};
    const std::size_t last = text_.find_last_not_of(kBlank, at - 1);
    if (last == text_.npos) return {};
    const std::size_t gap = text_.rfind("\n\n", last);
    const std::size_t start = gap == text_.npos ? 0 : text_.find_first_not_of(kBlank, gap);
    return text_.substr(start, last + 1 - start);
  }

  std::size_t start_of(std::string_view block) const {
    return static_cast<std::size_t>(block.data() - text_.data());
  }

 private:
  std::string_view text_;
};

// "max_connections (integer)", "--clean", "archive_mode": what a definition list defines.
bool is_term(std::string_view block) {
  if (block.empty() || block.size() > kMaxTermBytes) return false;
  if (block.contains('\n') || block.contains(kCell)) return false;
  const bool option = block[0] == '-' && !block.starts_with("- ");
  const bool name = block.contains('_') || option || (block[0] >= 'a' && block[0] <= 'z');
  return name && !is_ended(block) && count_words(block) <= kMaxTermWords;
}

bool is_prose(std::string_view sentence, std::string_view title_path, std::size_t min_bytes,
              std::size_t min_words) {
  return sentence.size() >= min_bytes && sentence.size() <= kMaxSentenceBytes &&
         count_words(sentence) >= min_words && !sentence.contains(kCell) &&
         looks_like_prose(sentence) && !is_heading(sentence, title_path);
}

// Where what the sentence needs behind it ends: at its own end, or at that of the block that it
// announces; nothing when it cannot be quoted.
std::optional<std::size_t> quotable_end(const Blocks& blocks, TextSpan span,
                                        std::string_view sentence, std::string_view title_path) {
  if (is_ended(sentence)) {
    if (!is_prose(sentence, title_path, kMinSentenceBytes, kMinWords)) return std::nullopt;
    return span.end;
  }
  const bool colon = last_sign(sentence) == ':';
  const std::size_t min_words = colon ? kMinAnnouncementWords : kMinUnendedWords;
  if (last_sign(sentence) == '?' ||
      !is_prose(sentence, title_path, kMinAnnouncementBytes, min_words)) {
    return std::nullopt;
  }
  const std::string_view announced = blocks.behind(span.end);
  if (announced.empty() || announced.size() > kMaxAnnouncedBytes || announced.contains(kCell)) {
    return std::nullopt;
  }
  if (!colon && (is_ended(announced) || is_heading(announced, title_path))) return std::nullopt;
  return blocks.start_of(announced) + announced.size();
}

// Whether it can be quoted as it is, though no sentence of prose.
bool is_loose(std::string_view line, std::string_view title_path) {
  return line.size() >= kMinLooseBytes && line.size() <= kMaxSentenceBytes &&
         count_words(line) >= kMinLooseWords && last_sign(line) != '?' && last_sign(line) != ':' &&
         !is_heading(line, title_path);
}

// The lines of a table one by one, anything else whole.
void add_loose(std::string_view text, TextSpan span, std::string_view title_path,
               std::vector<QuotableSentence>& quotable) {
  const bool table = text.substr(span.start, span.end - span.start).contains(kCell);
  while (span.start < span.end) {
    const std::size_t end = table ? std::min(text.find('\n', span.start), span.end) : span.end;
    if (is_loose(text.substr(span.start, end - span.start), title_path)) {
      quotable.push_back({.start = span.start, .sentence_end = end, .end = end, .loose = true});
    }
    span.start = std::min(text.find_first_not_of(kBlank, end), span.end);
  }
}

// The term that is being defined where a passage is read.
class Definition {
 public:
  Definition(const Blocks& blocks, std::string_view title_path)
      : blocks_(blocks), title_path_(title_path) {}

  // A sentence starts at `at`; what was quoted before ends at `quoted_end`.
  void move_to(std::size_t at, std::size_t quoted_end) {
    const std::string_view above = blocks_.before(at);
    if (above.empty()) return;
    if (is_heading(above, title_path_)) {
      start_ = end_ = 0;
    } else if (is_term(above) && blocks_.start_of(above) >= quoted_end) { // not announced
      start_ = blocks_.start_of(above);
      end_ = start_ + above.size();
    }
  }

  void attach_to(QuotableSentence& sentence) const {
    sentence.term_start = start_;
    sentence.term_end = end_;
  }

 private:
  const Blocks& blocks_;
  const std::string_view title_path_;
  std::size_t start_ = 0;
  std::size_t end_ = 0;
};

} // namespace

std::vector<QuotableSentence> quotable_sentences(std::string_view text,
                                                 std::string_view title_path) {
  const Blocks blocks(text);
  Definition definition(blocks, title_path);
  std::vector<QuotableSentence> quotable;
  std::size_t attached = 0;   // of quotable, to the term that they define
  std::size_t quoted_end = 0; // of what prose announced: it defines nothing, and is no answer alone
  for (TextSpan span : split_sentences(text)) {
    // A heading or a line of code right above is part of the sentence for want of a full stop.
    for (std::size_t line = text.find('\n', span.start); line < span.end;
         line = text.find('\n', span.start)) {
      const std::string_view first = text.substr(span.start, line - span.start);
      if (!is_heading(first, title_path) && looks_like_prose(first)) break;
      span.start = text.find_first_not_of(kBlank, line);
    }
    definition.move_to(span.start, quoted_end);
    const std::string_view sentence = text.substr(span.start, span.end - span.start);
    if (const auto end = quotable_end(blocks, span, sentence, title_path)) {
      quotable.push_back({.start = span.start, .sentence_end = span.end, .end = *end});
      quoted_end = *end;
    } else if (span.start >= quoted_end &&
               !(is_term(sentence) && !blocks.behind(span.end).empty())) {
      add_loose(text, span, title_path, quotable);
    }
    for (; attached < quotable.size(); ++attached) definition.attach_to(quotable[attached]);
  }
  return quotable;
}

} // namespace raglan::rag
