#include "node/session_routes.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "node/charge.h"
#include "node/document_json.h"
#include "node/identity_scope.h"
#include "node/json_fields.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr policy::RateLimitCost kCost{1, 0}; // of a new session: a request without tokens

json::object turn_json(const Turn& turn) {
  return {{"question", turn.question},
          {"search", turn.search.empty() ? json::value() : json::value(turn.search)},
          {"answer", turn.answer ? json::value(*turn.answer) : json::value()},
          {"reply_id", turn.reply_id},
          {"asked_at", iso_time(turn.asked_at)}};
}

http::Response session_reply(int status, const OpenSession& open) {
  json::array turns;
  for (const Turn& turn : open.session.turns) turns.push_back(turn_json(turn));
  const json::object body{{"id", open.id},
                          {"keep_in", open.keeping == SessionKeeping::kStore ? "store" : "token"},
                          {"created_at", iso_time(open.session.created_at)},
                          {"expires_at", iso_time(open.expires_at)},
                          {"asked", open.session.asked},
                          {"turns", std::move(turns)}};
  http::Response response = http::json_response(status, json_text(body));
  response.headers.set("cache-control", "no-store");
  return response;
}

Result<SessionKeeping> parse_keeping(std::string_view text) {
  if (text.empty()) return SessionKeeping::kStore;
  const auto body = parse_json_body(text);
  if (!body) return std::unexpected(body.error());
  JsonFields fields(*body, "");
  const std::size_t choice = fields.choice("keep_in", {"store", "token"}, 0);
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  return choice == 0 ? SessionKeeping::kStore : SessionKeeping::kToken;
}

net::Task<http::Response> begin(SessionRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const auto keeping = parse_keeping(request.body);
  if (!keeping) co_return error_reply(keeping.error(), request);
  const auto tier = request_tier(request, parts.tier_header);
  if (!tier) co_return error_reply(tier.error(), request);
  const std::string& tenant = identity_of(request).tenant;
  Charge charge;
  if (parts.limits.limits(*tier)) {
    auth::Customer customer{tenant, *tier};
    charge = co_await charge_for(parts.limits, std::move(customer), kCost, *deadline);
    if (!charge.allowed()) co_return charge.refusal(request);
  }
  auto begun = co_await parts.sessions.begin(tenant, *keeping, *deadline);
  if (!begun) co_return charge.failed(error_reply(begun.error(), request));
  co_return charge.settled(session_reply(201, *begun), 0);
}

net::Task<http::Response> get(SessionRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  std::string id(request.path_parameter("id"));
  auto open = co_await parts.sessions.open(identity_of(request).tenant, std::move(id), *deadline);
  if (!open) co_return error_reply(open.error(), request);
  co_return session_reply(200, *open);
}

net::Task<http::Response> remove(SessionRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::string id(request.path_parameter("id"));
  auto ended = co_await parts.sessions.end(identity_of(request).tenant, id, *deadline);
  if (!ended) co_return error_reply(ended.error(), request);
  co_return http::json_response(200, json_text(json::object{{"id", id}, {"deleted", true}}));
}

} // namespace

void add_session_routes(http::Router& router, SessionRouteParts parts) {
  const auto bind = [&parts](auto function) {
    return with_parameters(
        {}, [parts, function](http::Request& request) { return function(parts, request); });
  };
  router.add("POST", "/v1/sessions", bind(begin));
  router.add("GET", "/v1/sessions/{id}", bind(get));
  router.add("DELETE", "/v1/sessions/{id}", bind(remove));
}

} // namespace raglan::node
