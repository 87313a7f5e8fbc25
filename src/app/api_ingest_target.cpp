#include "app/api_ingest_target.h"

#include <algorithm>
#include <iterator>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "http/url.h"
#include "ingest/charset.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

constexpr int kPageSize = 1000;

std::unexpected<Error> no_node() {
  return fail(ErrorCode::kUpstream, "the answer is not that of a node");
}

// JSON carries UTF-8 only: other encodings are converted here, and what is no text is refused here,
// each document alone.
Result<std::string> text_of(const ingest::SourceDocument& document) {
  return document.media_type == ingest::MediaType::kHtml ? ingest::decode_html(document.bytes)
                                                         : ingest::decode_text(document.bytes);
}

json::object document_json(const ingest::SourceDocument& document, std::string_view text) {
  json::object object{{"id", document.id},
                      {"title", document.title},
                      {"uri", document.uri},
                      {"text", text},
                      {"media_type", ingest::media_type_name(document.media_type)}};
  object["metadata"] = json::parse(document.metadata_json);
  return object;
}

ingest::DocumentStatus status_of(const json::value& value) {
  ingest::DocumentStatus status;
  status.id = text_at(value, "id");
  const std::string_view state = text_at(value, "state");
  if (state == "indexed") status.state = ingest::DocumentState::kIndexed;
  if (state == "unchanged") status.state = ingest::DocumentState::kUnchanged;
  status.chunks = count_at(value, "chunks");
  const json::value* error = member_at(value, "error");
  if (error != nullptr && error->is_object()) {
    status.error =
        Error{error_code_from_name(text_at(*error, "code")).value_or(ErrorCode::kUpstream),
              std::string(text_at(*error, "message")), std::string(text_at(*error, "param"))};
  }
  return status;
}

} // namespace

Result<std::vector<ingest::DocumentStatus>> ApiIngestTarget::put(
    const std::string& collection, std::span<const ingest::SourceDocument> documents,
    bool dry_run) {
  std::vector<ingest::DocumentStatus> statuses(documents.size());
  std::vector<std::size_t> sent;
  json::array array;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (auto text = text_of(documents[i])) {
      array.push_back(document_json(documents[i], *text));
      sent.push_back(i);
    } else {
      statuses[i] = {documents[i].id, ingest::DocumentState::kFailed, 0, std::move(text.error())};
    }
  }
  if (sent.empty()) return statuses;
  const json::object body{{"collection", collection}, {"documents", std::move(array)}};
  auto reply = api_.call("POST", dry_run ? "/v1/documents?dry_run=true" : "/v1/documents", body);
  if (!reply && reply.error().code == ErrorCode::kTooLarge) {
    return put_in_halves(collection, documents, dry_run, std::move(reply.error()));
  }
  if (!reply) return forward_error(reply);
  const json::array* list = array_at(*reply, "documents");
  if (list == nullptr || list->size() != sent.size()) return no_node();
  for (std::size_t i = 0; i < sent.size(); ++i) statuses[sent[i]] = status_of((*list)[i]);
  return statuses;
}

// The group is larger than the node takes: as JSON it can have several times its size.
Result<std::vector<ingest::DocumentStatus>> ApiIngestTarget::put_in_halves(
    const std::string& collection, std::span<const ingest::SourceDocument> documents, bool dry_run,
    Error too_large) {
  if (documents.size() == 1) {
    return std::vector<ingest::DocumentStatus>{
        {documents[0].id, ingest::DocumentState::kFailed, 0, std::move(too_large)}};
  }
  const std::size_t half = documents.size() / 2;
  auto statuses = put(collection, documents.first(half), dry_run);
  if (!statuses) return statuses;
  auto others = put(collection, documents.subspan(half), dry_run);
  if (!others) return others;
  std::ranges::move(*others, std::back_inserter(*statuses));
  return statuses;
}

Result<std::vector<std::string>> ApiIngestTarget::list_ids(const std::string& collection,
                                                           const std::string& source) {
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    auto page = api_.call(
        "GET",
        fmt::format("/v1/documents?collection={}&limit={}&after={}",
                    http::percent_encode(collection), kPageSize, http::percent_encode(after)),
        nullptr);
    if (!page && page.error().code == ErrorCode::kNotFound) return ids; // no such collection yet
    if (!page) return forward_error(page);
    const json::array* list = array_at(*page, "documents");
    if (list == nullptr) return no_node();
    for (const json::value& document : *list) {
      if (!document.is_object()) return no_node();
      const json::value* metadata = member_at(document, "metadata");
      if (metadata == nullptr || text_at(*metadata, "source") != source) continue;
      ids.emplace_back(text_at(document, "id"));
    }
    after = text_at(*page, "next_after");
    if (after.empty()) return ids;
  }
}

Result<> ApiIngestTarget::remove(const std::string& collection, const std::string& id) {
  auto reply = api_.call("DELETE",
                         fmt::format("/v1/documents/{}?collection={}", http::percent_encode(id),
                                     http::percent_encode(collection)),
                         nullptr);
  if (!reply) return forward_error(reply);
  return {};
}

} // namespace raglan::app
