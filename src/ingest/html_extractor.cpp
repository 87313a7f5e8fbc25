// HTML to text. What a reader would call the page's content is kept; what surrounds it on every
// page of a site is skipped: navigation, headers and footers outside of the article, tables of
// contents, link anchors beside headings, and the elements and classes by which generators of
// manuals (DocBook, Sphinx, Doxygen and others) mark them. A page that consists of nothing else is
// read whole.
#include <algorithm>
#include <array>

#include "ingest/formats.h"
#include "ingest/html_entities.h"
#include "ingest/html_tokenizer.h"

namespace raglan::ingest {
namespace {

using std::string_view;

template <std::size_t N>
bool is_one_of(string_view name, const std::array<string_view, N>& names) {
  return std::ranges::find(names, name) != names.end();
}

// Elements whose content is never text of the page.
constexpr auto kNoText = std::to_array<string_view>(
    {"script", "style", "template", "iframe", "noembed", "noframes", "noscript", "svg", "math",
     "object", "select", "textarea", "button", "audio", "video"});
constexpr auto kVoid =
    std::to_array<string_view>({"area", "base", "br", "col", "embed", "hr", "img", "input", "link",
                                "meta", "param", "source", "track", "wbr"});
// Elements that may be skipped for their class or role: those whose end tag cannot be left out.
constexpr auto kSkippable = std::to_array<string_view>(
    {"div", "nav", "ul", "ol", "table", "section", "aside", "header", "span", "a", "footer"});
// Classes, whole words. DocBook, Sphinx, Doxygen, MediaWiki, MkDocs, GitHub.
constexpr auto kBoilerplateClasses = std::to_array<string_view>(
    {"navheader",       "navfooter",       "navfoot",       "toc",
     "list-of-figures", "list-of-tables",  "sphinxsidebar", "related",
     "headerlink",      "id_link",         "sidebar",       "breadcrumb",
     "breadcrumbs",     "navbar",          "navigation",    "menu",
     "skip-link",       "skip-to-content", "cookie-banner", "mw-editsection",
     "toctree-wrapper", "contents",        "indexdiv",      "indextable",
     "footer-wrapper",  "footer",          "md-nav"});
// Elements that end the paragraph before them and begin another.
constexpr auto kBlocks = std::to_array<string_view>(
    {"p",      "div",    "section", "article", "main",     "aside",      "blockquote", "address",
     "ul",     "ol",     "dl",      "dd",      "figure",   "figcaption", "table",      "caption",
     "thead",  "tbody",  "tfoot",   "form",    "fieldset", "legend",     "details",    "summary",
     "hgroup", "header", "footer",  "nav",     "center"});

// Headings that head a box, not a section.
constexpr auto kBoxTitles =
    std::to_array<string_view>({"Note", "Notes:", "Note:", "Tip", "Tip:", "Warning",
                                "Warning:", "Caution", "Caution:", "Important", "Important:"});

bool has_boilerplate_class(string_view classes) {
  while (!classes.empty()) {
    const std::size_t end = std::min(classes.find_first_of(" \t\n"), classes.size());
    if (is_one_of(classes.substr(0, end), kBoilerplateClasses)) return true;
    classes.remove_prefix(std::min(end + 1, classes.size()));
  }
  return false;
}

// The level of h1 to h6; 0 for other names.
std::uint8_t heading_level(string_view name) {
  return name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6'
             ? static_cast<std::uint8_t>(name[1] - '0')
             : 0;
}

class HtmlReader {
 public:
  HtmlReader(string_view html, Boilerplate boilerplate, TextBuilder& builder)
      : tokens_(html), boilerplate_(boilerplate), builder_(builder) {}

  std::string read() {
    using Kind = HtmlToken::Kind;
    for (HtmlToken token = tokens_.next(); token.kind != Kind::kEnd; token = tokens_.next()) {
      if (!skipped_.empty()) {
        skip(token);
      } else if (token.kind == Kind::kText) {
        text(token);
      } else if (token.kind == Kind::kStartTag) {
        start_tag(token);
      } else {
        end_tag(token.name);
      }
    }
    builder_.close();
    return std::move(title_);
  }

 private:
  void text(const HtmlToken& token) {
    if (in_title_) {
      if (title_.empty()) append_unescaped(token.text, title_);
      return;
    }
    if (token.raw || token.text.find('&') == token.text.npos) return builder_.add(token.text);
    unescaped_.clear();
    append_unescaped(token.text, unescaped_);
    builder_.add(unescaped_);
  }

  // Inside of a skipped element: only elements of the same name are counted, so that nothing else
  // that was left open can prolong it.
  void skip(const HtmlToken& token) {
    if (token.kind == HtmlToken::Kind::kText) return;
    if (token.kind == HtmlToken::Kind::kEndTag && (token.name == "body" || token.name == "html")) {
      skipped_.clear();
    }
    if (token.name != skipped_) return;
    skipped_depth_ += token.kind == HtmlToken::Kind::kStartTag ? 1 : -1;
    if (skipped_depth_ == 0) skipped_.clear();
  }

  bool is_boilerplate(const HtmlToken& token) const {
    if (is_one_of(token.name, kNoText)) return true;
    if (boilerplate_ == Boilerplate::kKeep) return false;
    if (token.name == "nav") return true;
    if ((token.name == "header" || token.name == "footer") && content_depth_ == 0) return true;
    if (!is_one_of(token.name, kSkippable)) return false;
    if (const auto role = token.attribute("role")) {
      if (*role == "navigation" || *role == "search" || *role == "banner") return true;
    }
    if (token.attribute("hidden")) return true;
    const auto classes = token.attribute("class");
    return classes && has_boilerplate_class(*classes);
  }

  void start_tag(const HtmlToken& token) {
    const string_view name = token.name;
    if (is_one_of(name, kVoid)) {
      if (name == "br") builder_.add_line_break();
      if (name == "hr") builder_.close();
      return;
    }
    if (is_boilerplate(token)) {
      if (token.attributes.ends_with('/') && name == "svg") return; // <svg …/>
      if (!in_row_ && !in_code_ && is_one_of(name, kBlocks)) begin_paragraph();
      skipped_ = name;
      skipped_depth_ = 1;
      return;
    }
    if (name == "title") in_title_ = true;
    if (name == "article" || name == "main") ++content_depth_;
    if (name == "pre" || name == "xmp" || name == "listing") {
      in_cell_row_ = in_row_;
      in_row_ = false;
      in_code_ = true;
      return open(BlockKind::kCode);
    }
    if (in_code_) return;
    if (name == "dl") definition_depth_ = std::min<int>(definition_depth_ + 1, kMaxTermDepth);
    if (const std::uint8_t level = heading_level(name))
      return builder_.open(BlockKind::kHeading, level);
    if (name == "tr") {
      in_row_ = true;
      return open(BlockKind::kTableRow);
    }
    if (in_row_) return row_content(name);
    if (name == "li") return open(BlockKind::kListItem);
    if (name == "dt") return open(BlockKind::kTerm);
    if (is_one_of(name, kBlocks)) begin_paragraph();
  }

  void end_tag(string_view name) {
    if (name == "title") in_title_ = false;
    if (name == "article" || name == "main") content_depth_ = std::max(0, content_depth_ - 1);
    if (name == "pre" || name == "xmp" || name == "listing") {
      in_code_ = false;
      in_row_ = in_cell_row_;
      return builder_.close();
    }
    if (in_code_) return;
    if (name == "dl") definition_depth_ = std::max(0, definition_depth_ - 1);
    if (name == "table" || name == "tr") {
      in_row_ = false;
      return builder_.close();
    }
    if (in_row_) {
      if (is_one_of(name, kBlocks)) builder_.add_line_break();
      return;
    }
    if (heading_level(name) > 0) return end_heading();
    if (name == "li" || name == "dt" || is_one_of(name, kBlocks)) {
      builder_.close();
    }
  }

  void end_heading() {
    const bool box = builder_.has_open_block() && builder_.open_kind() == BlockKind::kHeading &&
                     !builder_.open_block_is_empty();
    builder_.close();
    if (box && is_one_of(builder_.last_block(), kBoxTitles)) {
      builder_.relabel_last_block(BlockKind::kParagraph,
                                  static_cast<std::uint8_t>(definition_depth_));
    }
  }

  // Within a table's row everything stays one block: its cells make sense together.
  void row_content(string_view name) {
    if (name == "td" || name == "th") {
      builder_.add_cell_break();
    } else if (name == "li" || name == "dt" || is_one_of(name, kBlocks)) {
      builder_.add_line_break();
    }
  }

  void open(BlockKind kind) { builder_.open(kind, static_cast<std::uint8_t>(definition_depth_)); }

  // The first paragraph of an item, a term or a heading is that block's own text.
  void begin_paragraph() {
    const bool is_own = builder_.has_open_block() && builder_.open_block_is_empty() &&
                        builder_.open_kind() != BlockKind::kParagraph;
    if (!is_own) open(BlockKind::kParagraph);
  }

  HtmlTokenizer tokens_;
  Boilerplate boilerplate_;
  TextBuilder& builder_;
  std::string title_;
  std::string unescaped_;
  std::string skipped_; // the element that is being skipped; empty: none
  int skipped_depth_ = 0;
  int content_depth_ = 0; // open <article> and <main> elements
  int definition_depth_ = 0;
  bool in_title_ = false;
  bool in_code_ = false;
  bool in_row_ = false;
  bool in_cell_row_ = false; // whether the code that is open interrupts a row
};

} // namespace

std::string append_html(string_view html, Boilerplate boilerplate, TextBuilder& builder) {
  return HtmlReader(html, boilerplate, builder).read();
}

ExtractedText extract_html(string_view html) {
  for (const Boilerplate boilerplate : {Boilerplate::kSkip, Boilerplate::kKeep}) {
    TextBuilder builder;
    std::string title = append_html(html, boilerplate, builder);
    const bool nothing = builder.last_block().empty();
    if (!nothing || boilerplate == Boilerplate::kKeep) return builder.finish(std::move(title));
  }
  return {};
}

} // namespace raglan::ingest
