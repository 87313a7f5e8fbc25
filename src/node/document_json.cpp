#include "node/document_json.h"

#include <ctime>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include "base/json_text.h"
#include "base/utf8.h"
#include "node/json_fields.h"
#include "node/query_json.h"
#include "store/rules.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1); // the body's own limit holds

// Reads a document's fields; the caller finishes `fields`.
ingest::SourceDocument read_document(JsonFields& fields) {
  ingest::SourceDocument document;
  document.id = fields.string("id", "", store::kMaxDocumentIdBytes);
  document.title = fields.string("title", "", kMaxTitleBytes);
  document.uri = fields.string("uri", "", kMaxUriBytes);
  document.bytes = fields.required_string("text", kNoLimit);
  document.media_type = static_cast<ingest::MediaType>(
      fields.choice("media_type", {"text/plain", "text/markdown", "text/html"}, 0));
  // JSON is UTF-8, whatever the HTML in it declared when it was a file.
  if (document.media_type == ingest::MediaType::kHtml && !document.bytes.empty()) {
    document.bytes.insert(0, kByteOrderMark);
  }
  document.metadata_json = "{}";
  if (const json::value* metadata = fields.value("metadata")) {
    if (!metadata->is_object()) fields.reject("metadata", "'metadata' must be an object");
    document.metadata_json = json_text(*metadata);
  }
  return document;
}

ParsedDocument parse_document(const json::value& value, std::string pointer) {
  JsonFields fields(value, std::move(pointer));
  ingest::SourceDocument document = read_document(fields);
  std::string id = document.id;
  if (auto ok = fields.finish(); !ok) return {std::move(id), forward_error(ok)};
  return {std::move(id), std::move(document)};
}

Result<ParsedDocuments> parse_json_documents(std::string_view text, ParsedDocuments parsed) {
  auto body = parse_json_body(text);
  if (!body) return forward_error(body);
  JsonFields fields(*body, "");
  const std::string name = fields.string("collection", parsed.collection.name, kMaxNameBytes);
  if (!is_valid_name(name)) fields.reject("collection", "not a valid collection name");
  parsed.collection.name = name;
  const json::value* list =
      body->is_object() ? body->get_object().if_contains("documents") : nullptr;
  if (!list) {
    ingest::SourceDocument document = read_document(fields);
    if (auto ok = fields.finish(); !ok) return forward_error(ok);
    std::string id = document.id;
    parsed.documents.push_back({std::move(id), std::move(document)});
    return parsed;
  }
  fields.value("documents");
  const json::array* documents = list->if_array();
  if (!documents || documents->empty() || documents->size() > kMaxDocumentsPerRequest) {
    fields.reject("documents", fmt::format("'documents' must be an array of 1 to {} documents",
                                           kMaxDocumentsPerRequest));
  }
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  parsed.many = true;
  for (std::size_t i = 0; i < documents->size(); ++i) {
    parsed.documents.push_back(parse_document((*documents)[i], fmt::format("/documents/{}", i)));
  }
  return parsed;
}

Result<ParsedDocuments> parse_ndjson_documents(std::string_view body, ParsedDocuments parsed) {
  parsed.many = true;
  for (std::size_t number = 1; !body.empty(); ++number) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (parsed.documents.size() == kMaxDocumentsPerRequest) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("more than {} documents in one request", kMaxDocumentsPerRequest));
    }
    auto value = parse_json_body(line);
    ParsedDocument document =
        value ? parse_document(*value, "") : ParsedDocument{"", forward_error(value)};
    if (!document.document) {
      Error& error = document.document.error();
      error.message = fmt::format("line {}: {}", number, error.message);
    }
    parsed.documents.push_back(std::move(document));
  }
  if (parsed.documents.empty()) {
    return fail(ErrorCode::kMalformedRequest, "the body holds no documents");
  }
  return parsed;
}

} // namespace

Result<store::CollectionKey> collection_parameter(const http::Request& request,
                                                  const std::string& tenant) {
  auto parameters = request.query_parameters();
  if (!parameters) return forward_error(parameters);
  store::CollectionKey key{tenant, std::string(store::kDefaultCollection)};
  for (const auto& [name, value] : *parameters) {
    if (name == "collection") key.name = value;
  }
  if (!is_valid_name(key.name)) {
    return fail(ErrorCode::kInvalidField, "not a valid collection name", "collection");
  }
  return key;
}

Result<ParsedDocuments> parse_documents(store::CollectionKey collection,
                                        std::string_view content_type, std::string_view body) {
  ParsedDocuments parsed{std::move(collection), {}, false};
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  // What `curl -d` says unasked is taken for what everybody means by it.
  if (type.empty() || http::equals_ignoring_case(type, "application/json") ||
      http::equals_ignoring_case(type, "application/x-www-form-urlencoded")) {
    return parse_json_documents(body, std::move(parsed));
  }
  if (http::equals_ignoring_case(type, "application/x-ndjson") ||
      http::equals_ignoring_case(type, "application/jsonl")) {
    return parse_ndjson_documents(body, std::move(parsed));
  }
  return fail(ErrorCode::kUnsupportedMediaType,
              "the body must be application/json or application/x-ndjson", "content-type");
}

std::string iso_time(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

json::object document_json(const store::Document& document, bool with_text) {
  json::object object{{"id", document.id},
                      {"title", document.title},
                      {"uri", document.uri},
                      {"chunks", document.chunk_count},
                      {"content_hash", document.content_hash.hex()},
                      {"updated_at", iso_time(document.updated_at)}};
  boost::system::error_code error; // the store checked it when it was written
  object["metadata"] = json::parse(document.metadata_json, error);
  if (with_text) object["text"] = document.text;
  return object;
}

} // namespace raglan::node
