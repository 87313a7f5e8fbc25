#include "node/job_parts.h"

#include <utility>

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "base/utf8.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

// As document_json.cpp reads it, which puts the mark back.
std::string document_line(const ingest::SourceDocument& document) {
  const bool html = document.media_type == ingest::MediaType::kHtml;
  const std::string_view text =
      html ? without_byte_order_mark(document.bytes) : std::string_view(document.bytes);
  std::string line =
      json_text(json::object{{"id", document.id},
                             {"title", document.title},
                             {"uri", document.uri},
                             {"text", text},
                             {"media_type", ingest::media_type_name(document.media_type)}});
  line.pop_back(); // the object's brace
  return line.append(R"(,"metadata":)").append(document.metadata_json).append("}\n");
}

} // namespace

JobParts write_parts(std::vector<ingest::SourceDocument> documents) {
  JobParts parts;
  std::size_t in_part = 0;
  for (ingest::SourceDocument& document : documents) {
    const std::string line = document_line(std::exchange(document, {}));
    const bool full = in_part == kDocumentsPerPart ||
                      (in_part > 0 && parts.texts.back().size() + line.size() > kPartBytes);
    if (in_part == 0 || full) {
      parts.texts.emplace_back();
      in_part = 0;
    }
    parts.texts.back() += line;
    ++in_part;
    ++parts.documents;
  }
  return parts;
}

Result<std::vector<ParsedDocument>> read_part(std::string_view text) {
  auto parsed = parse_documents({}, "application/x-ndjson", text);
  if (!parsed) return fail(ErrorCode::kCorrupt, "a job's documents are damaged");
  return std::move(parsed->documents);
}

} // namespace raglan::node
