#include "base/sentences.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace raglan {
namespace {

using std::string_view;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_upper(c) || is_lower(c); }

// Abbreviations after which a sentence practically never ends, whatever follows. In lower case,
// without the last full stop, sorted.
constexpr auto kNeverFinal = std::to_array<string_view>(
    {"al",   "approx", "art",  "capt", "cf",  "ch",   "col",  "dept", "dr",   "e.g",
     "ed",   "eds",    "eq",   "eqs",  "esp", "est",  "fig",  "figs", "gen",  "gov",
     "hon",  "i.e",    "lt",   "mr",   "mrs", "ms",   "mt",   "nos",  "op",   "par",
     "ph.d", "pp",     "prof", "pvt",  "ref", "refs", "rep",  "resp", "rev",  "sec",
     "sen",  "sgt",    "st",   "tab",  "viz", "vol",  "vols", "vs",   "w.r.t"});
static_assert(std::ranges::is_sorted(kNeverFinal));
// Longest entry above; a longer word is none.
constexpr std::size_t kMaxAbbreviationBytes = 6;
// How much of a word is looked at: more than any abbreviation, and four letters of any alphabet.
constexpr std::size_t kWordBytes = 8;
// Abbreviations that are words as well: not final before a number ("No. 5"), final elsewhere.
constexpr auto kBeforeNumbers = std::to_array<string_view>({"no", "p", "par", "ver"});
// Shorter words than this before a full stop and a lower-case letter are taken for abbreviations.
constexpr std::size_t kShortestFinalWord = 4;

// Characters that are no ASCII and end a sentence without white space behind them.
constexpr auto kFullStops =
    std::to_array<string_view>({"\u3002", "\uff01", "\uff1f", "\uff61", "\uff0e", "\u0964",
                                "\u0965", "\u06d4", "\u061f", "\u1362", "\u104b"});
// What may stand between a full stop and the end of its sentence.
constexpr auto kClosers =
    std::to_array<string_view>({"\u201d", "\u2019", "\u00bb", "\u203a", "\u300d", "\u300f",
                                "\uff09", "\u3011", "\u300b", "\u3009", "\uff3d"});
constexpr auto kBullets =
    std::to_array<string_view>({"\u2022", "\u25e6", "\u25aa", "\u2023", "\u2013", "\u00b7"});

// The length of the one of `these` that the text begins with, or 0.
template <std::size_t N>
std::size_t prefix_of(string_view text, const std::array<string_view, N>& these) {
  if (text.empty() || static_cast<unsigned char>(text[0]) < 0x80) return 0;
  for (const string_view one : these) {
    if (text.starts_with(one)) return one.size();
  }
  return 0;
}

std::size_t closer_length(string_view text) {
  if (text.empty()) return 0;
  if (string_view("\"')]}").find(text[0]) != string_view::npos) return 1;
  return prefix_of(text, kClosers);
}

// Whether the text begins with a lower-case letter: ASCII, Latin-1, Greek or Cyrillic.
bool begins_lower(string_view text) {
  if (text.empty()) return false;
  if (static_cast<unsigned char>(text[0]) < 0x80) return is_lower(text[0]);
  if (text.size() < 2) return false;
  const auto lead = static_cast<unsigned char>(text[0]);
  const auto next = static_cast<unsigned char>(text[1]);
  if (lead < 0xc3 || lead > 0xd1) return false;
  const unsigned code = (lead & 0x1fu) << 6 | (next & 0x3fu);
  return (code >= 0xdf && code <= 0xff && code != 0xf7) || (code >= 0x3ac && code <= 0x3ce) ||
         (code >= 0x430 && code <= 0x45f);
}

// Whether a line's text begins with a list marker and white space: "- ", "• ", "12. ", "b) ".
bool begins_list_item(string_view line) {
  std::size_t marker = prefix_of(line, kBullets);
  if (marker == 0 && !line.empty()) {
    if (line[0] == '-' || line[0] == '*' || line[0] == '+') {
      marker = 1;
    } else {
      std::size_t at = 0;
      while (at < line.size() && at < 3 && is_digit(line[at])) ++at;
      if (at == 0 && is_letter(line[0])) at = line.size() > 1 && line[1] == ')' ? 1 : 0;
      if (at > 0 && at < line.size() && (line[at] == '.' || line[at] == ')')) marker = at + 1;
    }
  }
  return marker > 0 && marker < line.size() && is_space(line[marker]);
}

std::size_t characters(string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Splitter {
 public:
  explicit Splitter(string_view text) : text_(text) {}

  std::vector<TextSpan> split() {
    while (at_ < text_.size()) step();
    emit(text_.size());
    return std::move(sentences_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\n') return line_break();
    if (c == '.' || c == '!' || c == '?') return terminator();
    if (static_cast<unsigned char>(c) >= 0x80) return wide_character();
    ++at_;
  }

  // The white space from a line break on; a boundary when it holds another one, or a list item
  // follows.
  void line_break() {
    const std::size_t start = at_;
    std::size_t breaks = 0;
    for (; at_ < text_.size() && is_space(text_[at_]); ++at_) breaks += text_[at_] == '\n';
    if (breaks > 1 || begins_list_item(text_.substr(at_))) emit(start);
  }

  void wide_character() {
    const string_view rest = text_.substr(at_);
    if (rest.starts_with("\u2026")) return terminator();
    if (const std::size_t length = prefix_of(rest, kFullStops)) {
      at_ += length;
      skip_terminators_and_closers();
      emit(at_);
    } else {
      ++at_; // continuation bytes match nothing and are stepped over one by one
    }
  }

  void skip_terminators_and_closers() {
    while (at_ < text_.size()) {
      const string_view rest = text_.substr(at_);
      std::size_t length = closer_length(rest);
      if (length == 0) length = prefix_of(rest, kFullStops);
      if (length == 0 && (rest[0] == '.' || rest[0] == '!' || rest[0] == '?')) length = 1;
      if (length == 0 && rest.starts_with("\u2026")) length = 3;
      if (length == 0) return;
      at_ += length;
    }
  }

  void terminator() {
    const std::size_t stop = at_;
    at_ += static_cast<unsigned char>(text_[stop]) < 0x80 ? 1 : 3;
    skip_terminators_and_closers();
    if (at_ == text_.size()) return;
    if (!is_space(text_[at_])) return; // 1.5, a.b, "x.y()"
    std::size_t next = at_;
    while (next < text_.size() && is_space(text_[next])) ++next;
    const bool one_full_stop = text_[stop] == '.' && at_ == stop + 1;
    if (one_full_stop ? ends_at_full_stop(stop, text_.substr(next))
                      : !begins_lower(text_.substr(next))) {
      emit(at_);
    }
  }

  // Whether the full stop at `stop`, with white space behind it and then `next`, ends a sentence.
  bool ends_at_full_stop(std::size_t stop, string_view next) {
    const string_view word = word_before(stop);
    if (word.empty()) return !begins_lower(next);
    if (is_listed(kNeverFinal, word)) return false;
    const bool number = std::ranges::all_of(word, is_digit);
    // "1. First": the number is a list marker when nothing else precedes it.
    if (number && word.size() <= 3 && is_sentence_start(stop - word.size())) return false;
    if (word.size() == 1 && is_upper(word[0])) return false; // J. Smith
    // U.S., a.m., т.е.: more often inside a sentence than at its end.
    if (const std::size_t dot = word.rfind('.'); dot != word.npos && dot > 0) {
      const string_view last = word.substr(dot + 1);
      const bool two_bytes = last.size() == 2 && static_cast<unsigned char>(last[0]) >= 0xc3;
      if (two_bytes || (last.size() == 1 && is_letter(last[0]))) return false;
    }
    if (!next.empty() && is_digit(next[0]) && is_listed(kBeforeNumbers, word)) return false;
    if (begins_lower(next)) return characters(word) >= kShortestFinalWord && !number;
    return true;
  }

  // The letters, digits and inner full stops before `stop`: at most kWordBytes, so that
  // the scan stays linear.
  string_view word_before(std::size_t stop) const {
    std::size_t start = stop;
    while (start > sentence_start_ && stop - start < kWordBytes) {
      const char c = text_[start - 1];
      if (!is_letter(c) && !is_digit(c) && c != '.' && static_cast<unsigned char>(c) < 0x80) break;
      --start;
    }
    return text_.substr(start, stop - start);
  }

  // Whether only white space stands between the sentence's start and `at`. What was once seen to be
  // white space is not looked at again.
  bool is_sentence_start(std::size_t at) {
    first_visible_ = std::max(first_visible_, sentence_start_);
    while (first_visible_ < at && is_space(text_[first_visible_])) ++first_visible_;
    return first_visible_ == at;
  }

  template <std::size_t N>
  static bool is_listed(const std::array<string_view, N>& list, string_view word) {
    if (word.size() > kMaxAbbreviationBytes) return false;
    std::array<char, kMaxAbbreviationBytes> lower{};
    std::ranges::transform(word, lower.begin(),
                           [](char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; });
    return std::ranges::binary_search(list, string_view(lower.data(), word.size()));
  }

  // Ends the sentence before `end`; white space at its ends belongs to none.
  void emit(std::size_t end) {
    std::size_t start = sentence_start_;
    sentence_start_ = end;
    while (start < end && is_space(text_[start])) ++start;
    while (end > start && is_space(text_[end - 1])) --end;
    if (start < end) sentences_.push_back({start, end});
  }

  string_view text_;
  std::size_t at_ = 0;
  std::size_t sentence_start_ = 0;
  std::size_t first_visible_ = 0; // see is_sentence_start
  std::vector<TextSpan> sentences_;
};

} // namespace

std::vector<TextSpan> split_sentences(string_view text) { return Splitter(text).split(); }

} // namespace raglan
