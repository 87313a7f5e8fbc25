// A document as it was sent or read, before anything was made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raglan::ingest {

// In the order in which the API names them.
enum class MediaType : std::uint8_t { kPlainText, kMarkdown, kHtml };

// "text/plain", …
std::string_view media_type_name(MediaType type);

// The largest document; a larger one is kTooLarge. As large as the largest request body.
inline constexpr std::size_t kMaxDocumentBytes = 16 * 1024 * 1024;

struct SourceDocument {
  std::string id;
  std::string title; // empty: the document's own title is taken
  std::string uri;
  std::string bytes;
  MediaType media_type = MediaType::kPlainText;
  std::string metadata_json = "{}";
};

// What a file probably is, by the suffix of its name (.html .htm .xhtml .md .markdown .txt .rst …,
// in any case). Names of other suffixes, or of none, are judged by the first bytes: plain text or
// HTML. Nothing when the name or the bytes say that it is no text: a picture, an archive, a PDF.
std::optional<MediaType> guess_media_type(std::string_view file_name, std::string_view bytes);

// Whether the suffix alone says that the file is no text to be read: its bytes need not be looked
// at.
bool is_never_text(std::string_view file_name);

} // namespace raglan::ingest
