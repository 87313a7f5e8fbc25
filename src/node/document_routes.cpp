#include "node/document_routes.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/ids.h"
#include "base/json_text.h"
#include "node/body_work.h"
#include "node/identity_scope.h"
#include "node/job_routes.h"
#include "node/page_parameters.h"
#include "node/request_scope.h"
#include "store/rules.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::uint32_t kDefaultPageSize = 100;

std::string_view state_name(DocumentState state) {
  switch (state) {
    case DocumentState::kIndexed: return "indexed";
    case DocumentState::kUnchanged: return "unchanged";
    case DocumentState::kFailed: break;
  }
  return "failed";
}

json::object status_json(const DocumentStatus& status) {
  json::object object{
      {"id", status.id}, {"state", state_name(status.state)}, {"chunks", status.chunks}};
  if (status.error) {
    object["error"] = {{"code", error_code_name(status.error->code)},
                       {"message", status.error->message},
                       {"param", status.error->param.empty() ? json::value(nullptr)
                                                             : json::value(status.error->param)}};
  }
  return object;
}

json::object page_json(const store::DocumentPage& page) {
  json::array documents;
  for (const store::Document& document : page.documents) {
    documents.push_back(document_json(document, false));
  }
  const json::value next = page.more && !page.documents.empty()
                               ? json::value(page.documents.back().id)
                               : json::value(nullptr);
  return {{"documents", std::move(documents)}, {"total", page.total}, {"next_after", next}};
}

std::size_t page_bytes(const store::DocumentPage& page) {
  std::size_t bytes = 0;
  for (const store::Document& document : page.documents) {
    bytes += document.id.size() + document.title.size() + document.uri.size() +
             document.metadata_json.size();
  }
  return bytes;
}

// The parameter's place among the `choices`, of which the first is meant where none is named.
// Anything else is refused: who wrote `dry_run=1` did not mean a write.
Result<std::size_t> choice_parameter(const http::Request& request, std::string_view parameter,
                                     const std::array<std::string_view, 2>& choices) {
  auto parameters = request.query_parameters();
  if (!parameters) return forward_error(parameters);
  std::size_t chosen = 0;
  for (const auto& [name, value] : *parameters) {
    if (name != parameter) continue;
    const auto at = std::ranges::find(choices, value);
    if (at == choices.end()) {
      return fail(ErrorCode::kInvalidField,
                  fmt::format("'{}' must be {} or {}", parameter, choices[0], choices[1]),
                  std::string(parameter));
    }
    chosen = static_cast<std::size_t>(at - choices.begin());
  }
  return chosen;
}

// What a job takes of a request, and what is said of each document.
struct Queued {
  std::vector<ingest::SourceDocument> documents;
  json::array statuses;
};

Queued choose_queued(std::vector<ParsedDocument> documents, WallTime now) {
  Queued queued;
  std::set<std::string> seen;
  for (ParsedDocument& parsed : documents) {
    DocumentStatus status{.id = std::move(parsed.id)};
    if (parsed.document) {
      if (parsed.document->id.empty()) parsed.document->id = make_uuid7(now);
      status.id = parsed.document->id;
      if (!seen.insert(status.id).second) status.error = duplicate_id();
    } else {
      status.error = std::move(parsed.document.error());
    }
    if (status.error) {
      queued.statuses.push_back(status_json(status));
      continue;
    }
    queued.statuses.push_back(json::object{{"id", status.id}, {"state", "queued"}});
    queued.documents.push_back(std::move(*parsed.document));
  }
  return queued;
}

class DocumentRoutes {
 public:
  explicit DocumentRoutes(DocumentRouteParts parts) : parts_(std::move(parts)) {}

  net::Task<http::Response> post(http::Request& request) const {
    const auto deadline = request_deadline(request, parts_.write_timeout);
    if (!deadline) co_return error_reply(deadline.error(), request);
    auto parsed = co_await parse(request, *deadline);
    if (!parsed) co_return error_reply(parsed.error(), request);
    const auto queues = choice_parameter(request, "wait", {"indexed", "queued"});
    if (!queues) co_return error_reply(queues.error(), request);
    if (*queues == 1) co_return co_await queue(request, std::move(*parsed), *deadline);
    co_return co_await write(request, std::move(*parsed), *deadline);
  }

  // The id is the path's; one in the body must be the same.
  net::Task<http::Response> put(http::Request& request) const {
    const auto deadline = request_deadline(request, parts_.write_timeout);
    if (!deadline) co_return error_reply(deadline.error(), request);
    auto parsed = co_await parse(request, *deadline);
    if (!parsed) co_return error_reply(parsed.error(), request);
    const std::string id(request.path_parameter("id"));
    if (parsed->many) {
      const Error error{ErrorCode::kInvalidField, "PUT takes one document", "documents"};
      co_return error_reply(error, request);
    }
    ParsedDocument& document = parsed->documents.front();
    if (!document.id.empty() && document.id != id) {
      const Error error{ErrorCode::kInvalidField, "the body's id is not the path's", "/id"};
      co_return error_reply(error, request);
    }
    document.id = id;
    if (document.document) document.document->id = id;
    co_return co_await write(request, std::move(*parsed), *deadline);
  }

  net::Task<http::Response> list(http::Request& request) const {
    const auto deadline = request_deadline(request, parts_.request_timeout);
    if (!deadline) co_return error_reply(deadline.error(), request);
    auto collection = collection_parameter(request, identity_of(request).tenant);
    if (!collection) co_return error_reply(collection.error(), request);
    auto wanted = page_parameters(request, kDefaultPageSize, store::kMaxPageSize);
    if (!wanted) co_return error_reply(wanted.error(), request);
    auto page = co_await parts_.store.list(std::move(*collection), std::move(wanted->after),
                                           wanted->limit, *deadline);
    if (!page) co_return error_reply(page.error(), request);
    const std::size_t bytes = page_bytes(*page);
    auto write = [page = std::move(*page)]() -> Result<std::string> {
      return json_text(page_json(page));
    };
    co_return co_await reply_with(request, bytes, std::move(write), *deadline);
  }

  net::Task<http::Response> get(http::Request& request) const {
    const auto deadline = request_deadline(request, parts_.request_timeout);
    if (!deadline) co_return error_reply(deadline.error(), request);
    auto collection = collection_parameter(request, identity_of(request).tenant);
    if (!collection) co_return error_reply(collection.error(), request);
    auto document = co_await parts_.store.get(std::move(*collection),
                                              std::string(request.path_parameter("id")), *deadline);
    if (!document) co_return error_reply(document.error(), request);
    const std::size_t bytes = document->text.size() + document->metadata_json.size();
    auto write = [document = std::move(*document)]() -> Result<std::string> {
      return json_text(document_json(document, true));
    };
    co_return co_await reply_with(request, bytes, std::move(write), *deadline);
  }

  net::Task<http::Response> remove(http::Request& request) const {
    const auto deadline = request_deadline(request, parts_.request_timeout);
    if (!deadline) co_return error_reply(deadline.error(), request);
    auto collection = collection_parameter(request, identity_of(request).tenant);
    if (!collection) co_return error_reply(collection.error(), request);
    const std::string id(request.path_parameter("id"));
    auto removed = co_await parts_.store.remove(std::move(*collection), id, *deadline);
    if (!removed) co_return error_reply(removed.error(), request);
    const json::object body{{"id", id}, {"deleted", true}};
    co_return http::json_response(200, json_text(body));
  }

 private:
  net::Task<Result<ParsedDocuments>> parse(http::Request& request, Deadline deadline) const {
    auto collection = collection_parameter(request, identity_of(request).tenant);
    if (!collection) co_return forward_error(collection);
    const std::size_t body_bytes = request.body.size();
    auto work = [collection = std::move(*collection), body = std::move(request.body),
                 type = std::string(request.headers.get("content-type")),
                 held = request.body_reservation] {
      return parse_documents(collection, type, body);
    };
    co_return co_await work_on_body(body_bytes, parts_.bulk, std::move(work), deadline,
                                    parts_.clock);
  }

  // `write` makes the body's JSON of so many bytes.
  template <typename Write>
  net::Task<http::Response> reply_with(http::Request& request, std::size_t bytes, Write write,
                                       Deadline deadline) const {
    auto body = co_await work_on_body(bytes, parts_.bulk, std::move(write), deadline, parts_.clock);
    if (!body) co_return error_reply(body.error(), request);
    co_return http::json_response(200, std::move(*body));
  }

  // To be indexed by whichever node has time; the reply says that this is certain.
  net::Task<http::Response> queue(http::Request& request, ParsedDocuments parsed,
                                  Deadline deadline) const {
    const auto dry_run = choice_parameter(request, "dry_run", {"false", "true"});
    if (!dry_run) co_return error_reply(dry_run.error(), request);
    if (*dry_run == 1) {
      const Error error{ErrorCode::kInvalidField, "what is queued cannot be a dry run", "dry_run"};
      co_return error_reply(error, request);
    }
    if (!parsed.many && !parsed.documents.front().document) {
      co_return error_reply(parsed.documents.front().document.error(), request);
    }
    Queued queued = choose_queued(std::move(parsed.documents), parts_.clock.wall_now());
    json::object body{{"job", nullptr}, {"documents", std::move(queued.statuses)}};
    if (queued.documents.empty()) co_return http::json_response(200, json_text(body));
    auto work = [documents = std::move(queued.documents),
                 held = request.body_reservation]() mutable -> Result<JobParts> {
      return write_parts(std::move(documents));
    };
    auto job_parts = co_await net::offload(parts_.bulk, std::move(work), deadline, parts_.clock);
    if (!job_parts) co_return error_reply(job_parts.error(), request);
    auto job =
        co_await parts_.jobs.submit(std::move(parsed.collection), std::move(*job_parts), deadline);
    if (!job) co_return error_reply(job.error(), request);
    parts_.runner.wake();
    body["job"] = job_reply(*job);
    http::Response response = http::json_response(202, json_text(body));
    response.headers.set("location", "/v1/jobs/" + job->id);
    co_return response;
  }

  net::Task<http::Response> write(http::Request& request, ParsedDocuments parsed,
                                  Deadline deadline) const {
    const auto dry_run = choice_parameter(request, "dry_run", {"false", "true"});
    if (!dry_run) co_return error_reply(dry_run.error(), request);
    DocumentWriter::Options options{
        .dry_run = *dry_run == 1, .deadline = deadline, .held = request.body_reservation};
    const auto statuses = co_await parts_.writer.write(
        std::move(parsed.collection), std::move(parsed.documents), std::move(options));
    if (!parsed.many && statuses.front().error) {
      co_return error_reply(*statuses.front().error, request);
    }
    json::array documents;
    for (const DocumentStatus& status : statuses) documents.push_back(status_json(status));
    const json::object body{{"documents", std::move(documents)}};
    co_return http::json_response(200, json_text(body));
  }

  DocumentRouteParts parts_;
};

} // namespace

void add_document_routes(http::Router& router, DocumentRouteParts parts) {
  const auto routes = std::make_shared<const DocumentRoutes>(std::move(parts));
  using Names = std::vector<std::string_view>;
  const auto add = [&](std::string_view method, std::string_view path, auto member, Names known) {
    auto handler = [routes, member](http::Request& request) {
      return ((*routes).*member)(request);
    };
    router.add(method, path, with_parameters(std::move(known), std::move(handler)));
  };
  add("POST", "/v1/documents", &DocumentRoutes::post, {"collection", "dry_run", "wait"});
  add("GET", "/v1/documents", &DocumentRoutes::list, {"collection", "after", "limit"});
  add("GET", "/v1/documents/{id}", &DocumentRoutes::get, {"collection"});
  add("PUT", "/v1/documents/{id}", &DocumentRoutes::put, {"collection", "dry_run"});
  add("DELETE", "/v1/documents/{id}", &DocumentRoutes::remove, {"collection"});
}

} // namespace raglan::node
