#include "node/query_routes.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "http/sse.h"
#include "node/query_json.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

http::Response reply_response(const rag::QueryReply& reply, bool explain) {
  http::Response response = http::json_response(200, json::serialize(reply_json(reply, explain)));
  response.headers.set("cache-status", cache_status_header(reply));
  return response;
}

// `sources`, then the answer as `delta`s, then `done` with the whole reply. An extractive answer is
// complete before it starts, so it comes as one delta.
http::Response stream_response(rag::QueryReply reply, bool explain) {
  http::Response response;
  response.headers.set("content-type", http::kEventStreamType);
  response.headers.set("cache-control", "no-store");
  response.headers.set("cache-status", cache_status_header(reply));
  response.stream = [reply = std::move(reply),
                     explain](http::StreamWriter& out) -> net::Task<Result<>> {
    const json::object sources{{"sources", sources_json(*reply.answer, explain)}};
    std::string events = http::format_event("sources", json::serialize(sources));
    if (reply.answer->text) {
      const json::object delta{{"text", *reply.answer->text}};
      events += http::format_event("delta", json::serialize(delta));
    }
    events += http::format_event("done", json::serialize(reply_json(reply, explain)));
    co_return co_await out.write(events);
  };
  return response;
}

net::Task<http::Response> answer_query(rag::Pipeline& pipeline, QueryRouteConfig config,
                                       http::Request& request) {
  const auto deadline = request_deadline(request, config.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::string tenant(store::kDefaultTenant);
  auto parsed = parse_query(request.body, tenant, config.top_k);
  if (!parsed) co_return error_reply(parsed.error(), request);
  rag::QueryRequest& query = parsed->requests.front();
  query.deadline = *deadline;
  const bool explain = query.explain;
  auto reply = co_await pipeline.run(std::move(query));
  if (!reply) co_return error_reply(reply.error(), request);
  co_return parsed->stream ? stream_response(std::move(*reply), explain)
                           : reply_response(*reply, explain);
}

net::Task<http::Response> answer_search(rag::Pipeline& pipeline, QueryRouteConfig config,
                                        http::Request& request) {
  const auto deadline = request_deadline(request, config.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::string tenant(store::kDefaultTenant);
  auto parsed = parse_search(request.body, tenant, config.top_k);
  if (!parsed) co_return error_reply(parsed.error(), request);
  json::array results;
  for (rag::QueryRequest& query : parsed->requests) {
    query.deadline = *deadline;
    const bool explain = query.explain;
    auto reply = co_await pipeline.run(std::move(query));
    if (!reply) co_return error_reply(reply.error(), request);
    if (!parsed->was_array) co_return reply_response(*reply, explain);
    results.push_back(reply_json(*reply, explain));
  }
  const json::object body{{"results", std::move(results)}};
  co_return http::json_response(200, json::serialize(body));
}

} // namespace

void add_query_routes(http::Router& router, rag::Pipeline& pipeline, QueryRouteConfig config) {
  router.add("POST", "/v1/query", [&pipeline, config](http::Request& request) {
    return answer_query(pipeline, config, request);
  });
  router.add("POST", "/v1/search", [&pipeline, config](http::Request& request) {
    return answer_search(pipeline, config, request);
  });
}

} // namespace raglan::node
