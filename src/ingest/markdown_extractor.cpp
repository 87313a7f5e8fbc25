// Markdown to text, by MD4C: CommonMark with tables, strikethrough and autolinks. Raw HTML in it is
// read like a page. Of front matter (YAML between `---`, TOML between `+++`) only the title is
// kept.
//
// MD4C calls back for each part and keeps no tree, but there are documents that cost it far more
// than their size: a wide table with many short rows makes cells out of nothing (every row gets as
// many as the head has), a long link that is referred to many times is copied as often, and in a
// paragraph of many lines each bracket walks over the lines (half a megabyte took nine seconds).
// Calls, link bytes and lines are bounded, and a document beyond is read as plain text.
#include <algorithm>
#include <optional>
#include <string>

#include <md4c.h>

#include "ingest/formats.h"
#include "ingest/html_entities.h"

namespace raglan::ingest {
namespace {

using std::string_view;

// What a document may cost per byte and at least. Ordinary ones make fewer than one call per byte.
constexpr std::size_t kMaxCallsPerByte = 8;
constexpr std::size_t kMaxLinkBytesPerByte = 32;
constexpr std::size_t kMinBudget = 10'000;

// A paragraph of so many lines is none that somebody wrote.
constexpr std::size_t kMaxParagraphLines = 2000;

// Whether the line cannot belong to the paragraph of the line before it.
bool ends_paragraph(string_view line) {
  const std::size_t first = line.find_first_not_of(" \t>");
  if (first == line.npos) return true;
  line.remove_prefix(first);
  // Indented that far it may be the paragraph's next line.
  if (first > 3) return false;
  const std::size_t marker = line[0] == '#' ? line.find_first_not_of('#') : 1;
  return string_view("-*+#").find(line[0]) != string_view::npos && marker < line.size() &&
         line[marker] == ' ' && line.find_first_not_of(' ', marker) != line.npos;
}

bool has_endless_paragraph(string_view markdown) {
  std::size_t lines = 0;
  while (!markdown.empty()) {
    const string_view line = markdown.substr(0, markdown.find('\n'));
    markdown.remove_prefix(std::min(line.size() + 1, markdown.size()));
    lines = ends_paragraph(line) ? 0 : lines + 1;
    if (lines > kMaxParagraphLines) return true;
  }
  return false;
}

class MarkdownReader {
 public:
  explicit MarkdownReader(std::size_t bytes)
      : calls_left_(bytes * kMaxCallsPerByte + kMinBudget),
        link_bytes_left_(bytes * kMaxLinkBytesPerByte + kMinBudget) {}

  // Nothing when the document costs too much.
  std::optional<ExtractedText> read(string_view markdown, std::string title) {
    MD_PARSER parser{};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_PERMISSIVEURLAUTOLINKS;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
      return static_cast<MarkdownReader*>(self)->enter_block(type, detail);
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void*, void* self) {
      return static_cast<MarkdownReader*>(self)->leave_block(type);
    };
    parser.enter_span = [](MD_SPANTYPE type, void* detail, void* self) {
      return static_cast<MarkdownReader*>(self)->enter_span(type, detail);
    };
    parser.leave_span = [](MD_SPANTYPE, void*, void* self) {
      return static_cast<MarkdownReader*>(self)->counted();
    };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* self) {
      return static_cast<MarkdownReader*>(self)->text(type, {text, size});
    };
    if (md_parse(markdown.data(), static_cast<MD_SIZE>(markdown.size()), &parser, this) != 0) {
      return std::nullopt;
    }
    return builder_.finish(std::move(title));
  }

 private:
  // What MD4C wants back: 0 to go on.
  int counted() {
    if (calls_left_ == 0) return -1;
    --calls_left_;
    return 0;
  }

  int enter_span(MD_SPANTYPE type, void* detail) {
    std::size_t bytes = 0;
    if (type == MD_SPAN_A) {
      const auto* link = static_cast<MD_SPAN_A_DETAIL*>(detail);
      bytes = link->href.size + link->title.size;
    } else if (type == MD_SPAN_IMG) {
      const auto* image = static_cast<MD_SPAN_IMG_DETAIL*>(detail);
      bytes = image->src.size + image->title.size;
    }
    if (bytes > link_bytes_left_) return -1;
    link_bytes_left_ -= bytes;
    return counted();
  }

  int enter_block(MD_BLOCKTYPE type, void* detail) {
    switch (type) {
      case MD_BLOCK_H:
        builder_.open(BlockKind::kHeading,
                      static_cast<std::uint8_t>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level));
        break;
      case MD_BLOCK_LI: builder_.open(BlockKind::kListItem); break;
      case MD_BLOCK_CODE: builder_.open(BlockKind::kCode); break;
      case MD_BLOCK_TR: builder_.open(BlockKind::kTableRow); break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD: builder_.add_cell_break(); break;
      case MD_BLOCK_HTML: html_.clear(); break;
      case MD_BLOCK_P:
        if (!(builder_.has_open_block() && builder_.open_block_is_empty() &&
              builder_.open_kind() == BlockKind::kListItem)) {
          builder_.open(BlockKind::kParagraph);
        }
        break;
      default: break;
    }
    return counted();
  }

  int leave_block(MD_BLOCKTYPE type) {
    if (type == MD_BLOCK_HTML) {
      append_html(html_, Boilerplate::kSkip, builder_);
    } else if (type != MD_BLOCK_TH && type != MD_BLOCK_TD) {
      builder_.close();
    }
    return counted();
  }

  int text(MD_TEXTTYPE type, string_view text) {
    switch (type) {
      case MD_TEXT_NULLCHAR: break;
      case MD_TEXT_BR: builder_.add_line_break(); break;
      case MD_TEXT_SOFTBR: builder_.add(" "); break;
      case MD_TEXT_ENTITY: {
        std::string character;
        append_unescaped(text, character);
        builder_.add(character);
        break;
      }
      case MD_TEXT_HTML: html_ += text; break; // inline: only tags, which are no text
      default: builder_.add(text); break;
    }
    return counted();
  }

  TextBuilder builder_;
  std::string html_; // of the raw HTML block that is open
  std::size_t calls_left_;
  std::size_t link_bytes_left_;
};

// Takes front matter off the front of `markdown`; returns its title.
std::string take_front_matter(string_view& markdown) {
  string_view fence;
  for (const string_view known : {"---\n", "+++\n"}) {
    if (markdown.starts_with(known)) fence = known;
  }
  if (fence.empty()) return {};
  const std::string end = std::string("\n") + std::string(fence.substr(0, 3));
  const std::size_t close = markdown.find(end, fence.size() - 1);
  if (close == markdown.npos) return {};
  const std::size_t after = close + end.size();
  if (after < markdown.size() && markdown[after] != '\n') return {};
  string_view lines = markdown.substr(fence.size(), std::max(close, fence.size()) - fence.size());
  markdown.remove_prefix(after);
  while (!lines.empty()) {
    string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (!line.starts_with("title")) continue;
    line.remove_prefix(5);
    const std::size_t separator = line.find_first_not_of(" \t");
    if (separator == line.npos || (line[separator] != ':' && line[separator] != '=')) continue;
    line.remove_prefix(separator + 1);
    const std::size_t first = line.find_first_not_of(" \t\"'");
    if (first == line.npos) continue;
    return std::string(line.substr(first, line.find_last_not_of(" \t\"'") + 1 - first));
  }
  return {};
}

} // namespace

ExtractedText extract_markdown(string_view markdown) {
  std::string title = take_front_matter(markdown);
  if (!has_endless_paragraph(markdown)) {
    if (auto read = MarkdownReader(markdown.size()).read(markdown, title)) return *std::move(read);
  }
  ExtractedText extracted = extract_plain_text(markdown);
  if (!title.empty()) extracted.title = std::move(title);
  return extracted;
}

} // namespace raglan::ingest
