#include "ingest/extractor.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "ingest/charset.h"
#include "ingest/formats.h"

namespace raglan::ingest {
namespace {

constexpr std::size_t kMaxTitleBytes = 1024; // of a longer title, the beginning

ExtractedText extract_format(std::string_view text, MediaType type) {
  switch (type) {
    case MediaType::kMarkdown: return extract_markdown(text);
    case MediaType::kHtml: return extract_html(text);
    case MediaType::kPlainText: break;
  }
  return extract_plain_text(text);
}

// One line, without white space around it.
std::string tidy_title(std::string_view title) {
  TextBuilder builder;
  builder.add(title);
  std::string text = builder.finish("").text;
  text.resize(utf8_boundary(text, kMaxTitleBytes));
  return text;
}

// The first heading of the highest level there is.
std::string first_heading(const ExtractedText& extracted) {
  const Block* best = nullptr;
  for (const Block& block : extracted.blocks) {
    if (block.kind == BlockKind::kHeading && (best == nullptr || block.level < best->level)) {
      best = &block;
    }
  }
  if (best == nullptr) return {};
  return extracted.text.substr(best->span.start, best->span.end - best->span.start);
}

} // namespace

Result<ExtractedText> extract_text(std::string_view bytes, MediaType type) {
  if (bytes.size() > kMaxDocumentBytes) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("the document has more than {} MiB", kMaxDocumentBytes >> 20));
  }
  auto text = type == MediaType::kHtml ? decode_html(bytes) : decode_text(bytes);
  if (!text) return forward_error(text);
  ExtractedText extracted = extract_format(*text, type);
  if (extracted.blocks.empty()) {
    return fail(ErrorCode::kInvalidField, "there is no text in the document", "/text");
  }
  extracted.title = tidy_title(extracted.title);
  if (extracted.title.empty()) extracted.title = tidy_title(first_heading(extracted));
  return extracted;
}

} // namespace raglan::ingest
