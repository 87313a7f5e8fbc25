// Plain text: paragraphs are what blank lines part, indented ones are code. A line of its own that
// is underlined with punctuation, as reStructuredText and old READMEs do it, is a heading; the
// order in which the underlines first occur gives the levels.
#include <algorithm>
#include <string>

#include "base/utf8.h"
#include "ingest/formats.h"

namespace raglan::ingest {
namespace {

using std::string_view;

constexpr string_view kSpaces = " \t\f\v";
constexpr string_view kUnderlines = "=-~^*+#\"'`:._";
constexpr std::size_t kMinUnderlineBytes = 3;
constexpr std::size_t kMaxHeadingBytes = 200;
constexpr std::size_t kCodeIndentation = 4;

bool is_blank(string_view line) { return line.find_first_not_of(kSpaces) == line.npos; }

string_view trimmed(string_view line) {
  const std::size_t first = line.find_first_not_of(kSpaces);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kSpaces) + 1 - first);
}

bool is_underline(string_view line) {
  line = trimmed(line);
  return line.size() >= kMinUnderlineBytes && kUnderlines.find(line[0]) != kUnderlines.npos &&
         line.find_first_not_of(line[0]) == line.npos;
}

bool is_indented(string_view line) {
  return line.starts_with('\t') || line.substr(0, kCodeIndentation) == "    ";
}

class PlainTextReader {
 public:
  explicit PlainTextReader(string_view text) : text_(text) {}

  ExtractedText read() {
    while (at_ < text_.size()) {
      const string_view line = take_line();
      if (is_blank(line)) {
        builder_.close();
      } else if (!builder_.has_open_block() && is_heading(line)) {
        heading(line);
      } else {
        paragraph_line(line);
      }
    }
    return builder_.finish(std::move(title_));
  }

 private:
  string_view peek_line() const {
    const string_view rest = text_.substr(at_);
    return rest.substr(0, rest.find('\n'));
  }

  string_view take_line() {
    const string_view line = peek_line();
    at_ = std::min(at_ + line.size() + 1, text_.size());
    return line;
  }

  // An underline that is far shorter than the line above it is a rule or a table.
  bool is_heading(string_view line) const {
    if (line.size() > kMaxHeadingBytes || is_indented(line) || is_underline(line)) return false;
    const string_view next = peek_line();
    return is_underline(next) && trimmed(next).size() * 2 >= trimmed(line).size();
  }

  void heading(string_view line) {
    const char underline = trimmed(take_line())[0];
    std::size_t level = underlines_.find(underline);
    if (level == underlines_.npos) {
      level = underlines_.size();
      underlines_ += underline;
    }
    if (title_.empty() && level == 0) title_ = trimmed(line);
    builder_.open(BlockKind::kHeading,
                  static_cast<std::uint8_t>(std::min<std::size_t>(level + 1, kMaxHeadingLevel)));
    builder_.add(line);
    builder_.close();
  }

  void paragraph_line(string_view line) {
    if (builder_.has_open_block()) {
      builder_.add_verbatim("\n");
    } else {
      builder_.open(is_indented(line) ? BlockKind::kCode : BlockKind::kParagraph);
    }
    builder_.add_verbatim(line);
  }

  string_view text_;
  std::size_t at_ = 0;
  TextBuilder builder_;
  std::string title_;
  std::string underlines_; // in the order of their levels
};

} // namespace

ExtractedText extract_plain_text(string_view text) { return PlainTextReader(text).read(); }

} // namespace raglan::ingest
