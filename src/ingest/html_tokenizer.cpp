#include "ingest/html_tokenizer.h"

#include <algorithm>
#include <array>

namespace raglan::ingest {
namespace {

using std::string_view;

constexpr string_view kSpaces = " \t\n\r\f";
constexpr std::size_t kMaxNameBytes = 32; // longer tag names are no known element

// Elements in which only their own end tag is markup, and of them those with references in the
// text.
constexpr auto kRawText = std::to_array<string_view>(
    {"script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp"});
constexpr auto kEscapableRawText = std::to_array<string_view>({"textarea", "title"});

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_space(char c) { return kSpaces.find(c) != kSpaces.npos; }

bool equals_lowered(string_view text, string_view lowered) {
  return std::ranges::equal(text, lowered, {}, lower);
}

// Reads the attributes of a tag one by one: the standard's states from 13.2.5.32 on.
class AttributeReader {
 public:
  explicit AttributeReader(string_view text) : text_(text) {}

  // False at the tag's end: at its `>`, or where the text ends.
  bool next() {
    while (at_ < text_.size() && (is_space(text_[at_]) || text_[at_] == '/')) ++at_;
    if (at_ >= text_.size() || text_[at_] == '>') return false;
    const std::size_t start = at_++; // a first `=` belongs to the name
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '/' && text_[at_] != '>' &&
           text_[at_] != '=') {
      ++at_;
    }
    name = text_.substr(start, at_ - start);
    value = {};
    std::size_t equals = at_;
    while (equals < text_.size() && is_space(text_[equals])) ++equals;
    if (equals >= text_.size() || text_[equals] != '=') return true;
    at_ = equals + 1;
    read_value();
    return true;
  }

  std::size_t position() const { return at_; }

  string_view name;
  string_view value;

 private:
  void read_value() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ >= text_.size()) return;
    if (const char quote = text_[at_]; quote == '"' || quote == '\'') {
      const std::size_t end = std::min(text_.find(quote, at_ + 1), text_.size());
      value = text_.substr(at_ + 1, end - at_ - 1);
      at_ = std::min(end + 1, text_.size());
      return;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '>') ++at_;
    value = text_.substr(start, at_ - start);
  }

  string_view text_;
  std::size_t at_ = 0;
};

} // namespace

std::optional<string_view> HtmlToken::attribute(string_view attribute_name) const {
  AttributeReader reader(attributes);
  while (reader.next()) {
    if (equals_lowered(reader.name, attribute_name)) return reader.value;
  }
  return std::nullopt;
}

HtmlToken HtmlTokenizer::next() {
  if (!raw_name_.empty()) {
    // Up to the element's end tag; the rest of the page when there is none.
    const std::string name = std::move(raw_name_);
    raw_name_.clear();
    std::size_t end = at_;
    for (;; ++end) {
      end = std::min(html_.find("</", end), html_.size());
      const string_view rest = html_.substr(end);
      if (rest.empty()) break;
      if (rest.size() < name.size() + 3) continue;
      const char after = rest[name.size() + 2];
      if (equals_lowered(rest.substr(2, name.size()), name) &&
          (is_space(after) || after == '/' || after == '>')) {
        break;
      }
    }
    const bool escapable = std::ranges::find(kEscapableRawText, name) != kEscapableRawText.end();
    if (end > at_) return text_until(end, !escapable);
  }
  while (at_ < html_.size()) {
    if (html_[at_] != '<') return text_until(std::min(html_.find('<', at_), html_.size()), false);
    if (auto token = markup()) return *std::move(token);
  }
  return {};
}

// At a `<`. Nothing when it was a comment or the like.
std::optional<HtmlToken> HtmlTokenizer::markup() {
  const string_view rest = html_.substr(at_);
  if (rest.size() >= 2 && is_letter(rest[1])) return tag(at_ + 1, false);
  if (rest.size() >= 3 && rest[1] == '/' && is_letter(rest[2])) return tag(at_ + 2, true);
  if (rest.size() >= 2 && (rest[1] == '!' || rest[1] == '?' || rest[1] == '/')) {
    skip_declaration();
    return std::nullopt;
  }
  // A `<` that begins nothing is text, and with it what follows.
  return text_until(std::min(html_.find('<', at_ + 1), html_.size()), false);
}

void HtmlTokenizer::skip_declaration() {
  const string_view rest = html_.substr(at_);
  const auto skip_past = [&](string_view end, std::size_t from) {
    const std::size_t found = html_.find(end, from);
    at_ = found == html_.npos ? html_.size() : found + end.size();
  };
  if (rest.starts_with("<!-->")) {
    at_ += 5;
  } else if (rest.starts_with("<!--->")) {
    at_ += 6;
  } else if (rest.starts_with("<!--")) {
    skip_past("-->", at_ + 4);
  } else {
    // <!DOCTYPE>, <?php?>, </ >. A CDATA section as well: in HTML it is a comment that ends at the
    // first `>`.
    skip_past(">", at_ + 2);
  }
}

HtmlToken HtmlTokenizer::tag(std::size_t name_start, bool end_tag) {
  std::size_t end = name_start;
  while (end < html_.size() && !is_space(html_[end]) && html_[end] != '/' && html_[end] != '>') {
    ++end;
  }
  HtmlToken token;
  token.kind = end_tag ? HtmlToken::Kind::kEndTag : HtmlToken::Kind::kStartTag;
  token.name = html_.substr(name_start, std::min(end - name_start, kMaxNameBytes));
  std::ranges::transform(token.name, token.name.begin(), lower);
  AttributeReader reader(html_.substr(end));
  while (reader.next()) {
  }
  token.attributes = html_.substr(end, reader.position());
  at_ = end + reader.position();
  if (at_ >= html_.size()) return {}; // the page ends within a tag, which then is none
  ++at_;
  if (!end_tag && std::ranges::find(kRawText, token.name) != kRawText.end()) raw_name_ = token.name;
  return token;
}

HtmlToken HtmlTokenizer::text_until(std::size_t end, bool raw) {
  HtmlToken token;
  token.kind = HtmlToken::Kind::kText;
  token.raw = raw;
  token.text = html_.substr(at_, end - at_);
  at_ = end;
  return token;
}

} // namespace raglan::ingest
