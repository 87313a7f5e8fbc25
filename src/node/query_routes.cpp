#include "node/query_routes.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "model/token_estimate.h"
#include "net/together.h"
#include "node/body_work.h"
#include "node/charge.h"
#include "node/identity_scope.h"
#include "node/query_json.h"
#include "node/query_stream.h"
#include "node/remembered_queries.h"
#include "node/reply_json.h"
#include "node/request_scope.h"
#include "node/session_turn.h"

namespace raglan::node {
namespace {

// Of one request: enough to share embedding calls, and few beside others' searches.
constexpr std::size_t kQueriesAtOnce = 16;

// `turn`: the question's part in a conversation; may be null.
http::Response reply_response(const rag::QueryReply& reply, bool explain, const SessionTurn* turn,
                              http::Request& request) {
  std::string body = std::move(request.spare_body);
  body.assign(http::kHeadRoomBytes, ' ');
  append_reply_text(body, reply, explain);
  if (turn != nullptr) turn->append_to(body);
  http::Response response = http::json_response(200, std::move(body));
  response.head_room_bytes = http::kHeadRoomBytes;
  response.headers.set("cache-status", cache_status_header(reply));
  return response;
}

// Small bodies, nearly all of them, without a coroutine: it would cost more than the parsing.
Result<ParsedQuery> parse_small(const QueryRouteParts& parts, const http::Request& request,
                                QueryParser parser) {
  return RememberedQueries::of_this_thread().parse(
      request.body, {parser, identity_of(request).tenant, parts.top_k});
}

net::Task<Result<ParsedQuery>> parse_large(const QueryRouteParts& parts, http::Request& request,
                                           QueryParser parser, Deadline deadline) {
  auto parse = [body = std::move(request.body), held = request.body_reservation, parser,
                tenant = identity_of(request).tenant,
                top_k = parts.top_k] { return parser(body, tenant, top_k); };
  co_return co_await net::offload(parts.bulk, std::move(parse), deadline, parts.clock);
}

net::Task<http::Response> answer_query(const QueryRouteParts& parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const auto tier = request_tier(request, parts.tier_header);
  if (!tier) co_return error_reply(tier.error(), request);
  auto parsed = is_small_body(request.body.size())
                    ? parse_small(parts, request, parse_query)
                    : co_await parse_large(parts, request, parse_query, *deadline);
  if (!parsed) co_return error_reply(parsed.error(), request);
  rag::QueryRequest& query = parsed->requests.front();
  query.deadline = *deadline;
  query.tier = *tier;
  const bool explain = query.explain;
  Charge charge;
  if (parts.limits.limits(*tier)) {
    charge = co_await charge_questions(parts, parsed->requests, *tier, *deadline);
    if (!charge.allowed()) co_return charge.refusal(request);
  }
  std::unique_ptr<SessionTurn> turn;
  if (parsed->session_id) {
    auto session = co_await parts.sessions.open(identity_of(request).tenant,
                                                std::move(*parsed->session_id), *deadline);
    if (!session) co_return charge.failed(error_reply(session.error(), request));
    turn = std::make_unique<SessionTurn>(parts.sessions, std::move(*session), query.query,
                                         parts.clock.wall_now(), *deadline);
    query.conversation = turn->conversation();
  }
  if (parsed->stream) {
    auto reply = co_await parts.pipeline.stream(std::move(query));
    if (!reply) co_return charge.failed(query_error(reply.error(), request));
    co_return stream_answer(std::move(*reply), query_format(explain, std::move(turn)),
                            request_id(request), std::move(charge));
  }
  auto reply = co_await parts.pipeline.run(std::move(query));
  if (!reply) co_return charge.failed(query_error(reply.error(), request));
  if (turn) co_await turn->keep(*reply);
  co_return charge.settled(reply_response(*reply, explain, turn.get(), request), *reply);
}

std::size_t text_bytes(const rag::QueryReply& reply) {
  std::size_t bytes = 0;
  for (const rag::Source& source : reply.answer->sources) bytes += source.text.size();
  return bytes;
}

// The replies in the requests' order, or the first error.
net::Task<Result<std::vector<rag::QueryReply>>> run_together(
    rag::Pipeline& pipeline, std::span<rag::QueryRequest> requests) {
  std::vector<rag::QueryReply> replies;
  while (!requests.empty()) {
    const auto some = requests.first(std::min(requests.size(), kQueriesAtOnce));
    requests = requests.subspan(some.size());
    std::vector<net::Task<Result<rag::QueryReply>>> running;
    running.reserve(some.size());
    for (rag::QueryRequest& request : some) running.push_back(pipeline.run(std::move(request)));
    auto results = co_await net::together(std::move(running));
    for (Result<rag::QueryReply>& result : results) {
      if (!result) co_return std::unexpected(std::move(result.error()));
      replies.push_back(std::move(*result));
    }
  }
  co_return replies;
}

net::Task<http::Response> answer_search(const QueryRouteParts& parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const auto tier = request_tier(request, parts.tier_header);
  if (!tier) co_return error_reply(tier.error(), request);
  auto parsed = is_small_body(request.body.size())
                    ? parse_small(parts, request, parse_search)
                    : co_await parse_large(parts, request, parse_search, *deadline);
  if (!parsed) co_return error_reply(parsed.error(), request);
  for (rag::QueryRequest& query : parsed->requests) {
    query.deadline = *deadline;
    query.tier = *tier;
  }
  const bool explain = parsed->requests.front().explain;
  Charge charge;
  if (parts.limits.limits(*tier)) {
    charge = co_await charge_questions(parts, parsed->requests, *tier, *deadline);
    if (!charge.allowed()) co_return charge.refusal(request);
  }
  if (!parsed->was_array) {
    auto reply = co_await parts.pipeline.run(std::move(parsed->requests.front()));
    if (!reply) co_return charge.failed(query_error(reply.error(), request));
    co_return charge.settled(reply_response(*reply, explain, nullptr, request), *reply);
  }
  auto replies = co_await run_together(parts.pipeline, parsed->requests);
  if (!replies) co_return charge.failed(query_error(replies.error(), request));
  std::string cache_status = cache_status_header(*replies);
  std::size_t bytes = 0;
  std::size_t tokens = 0;
  for (const rag::QueryReply& reply : *replies) {
    bytes += text_bytes(reply);
    tokens += tokens_of(reply.usage());
  }
  charge.settle(tokens);
  auto write = [replies = std::move(*replies), explain]() -> Result<std::string> {
    std::string text = R"({"results":)";
    char separator = '[';
    for (const rag::QueryReply& reply : replies) {
      text += std::exchange(separator, ',');
      text += reply_text(reply, explain);
    }
    return text += "]}";
  };
  auto body = co_await work_on_body(bytes, parts.bulk, std::move(write), *deadline, parts.clock);
  if (!body) co_return charge.described(error_reply(body.error(), request));
  http::Response response = http::json_response(200, std::move(*body));
  response.headers.set("cache-status", std::move(cache_status));
  co_return charge.described(std::move(response));
}

// What they may need.
policy::RateLimitCost cost_of(const rag::Pipeline& pipeline,
                              std::span<const rag::QueryRequest> requests) {
  std::size_t tokens = 0;
  for (const rag::QueryRequest& request : requests) tokens += pipeline.most_tokens(request);
  return {static_cast<std::int64_t>(requests.size()), static_cast<std::int64_t>(tokens)};
}

} // namespace

net::Task<Charge> charge_questions(const QueryRouteParts& parts,
                                   std::span<rag::QueryRequest> questions, policy::Tier tier,
                                   Deadline deadline) {
  Charge charge = co_await charge_for(parts.limits, {questions.front().collection.tenant, tier},
                                      cost_of(parts.pipeline, questions), deadline);
  for (rag::QueryRequest& question : questions) charge.watch(question);
  co_return charge;
}

void add_query_routes(http::Router& router, QueryRouteParts parts) {
  const auto add = [&](std::string_view path, auto answer) {
    auto handler = [parts, answer](http::Request& request) { return answer(parts, request); };
    router.add("POST", path, with_parameters({}, std::move(handler)));
  };
  add("/v1/query", answer_query);
  add("/v1/search", answer_search);
}

} // namespace raglan::node
