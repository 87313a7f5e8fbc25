// Documents as JSON: the bodies of POST and PUT /v1/documents, and of what reads them back.
#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/result.h"
#include "http/request.h"
#include "ingest/prepare.h"
#include "store/types.h"

namespace raglan::node {

inline constexpr std::size_t kMaxDocumentsPerRequest = 1000;
inline constexpr std::size_t kMaxUriBytes = 2048;
inline constexpr std::size_t kMaxTitleBytes = 1024;

// One document of a request: what was sent, or why it cannot be used.
struct ParsedDocument {
  std::string id; // as far as it could be read
  Result<ingest::SourceDocument> document;
};

struct ParsedDocuments {
  store::CollectionKey collection;
  std::vector<ParsedDocument> documents;
  bool many = false; // answer with a status for each, even where one failed
};

// JSON (one document, or {"documents": […]}) or NDJSON, by Content-Type. Fails as a whole only when
// the body as a whole cannot be read.
Result<ParsedDocuments> parse_documents(store::CollectionKey collection,
                                        std::string_view content_type, std::string_view body);

// The `collection` query parameter, or the default collection.
Result<store::CollectionKey> collection_parameter(const http::Request& request,
                                                  const std::string& tenant);

// "2026-11-24T15:00:00Z"
std::string iso_time(WallTime time);

boost::json::object document_json(const store::Document& document, bool with_text);

} // namespace raglan::node
