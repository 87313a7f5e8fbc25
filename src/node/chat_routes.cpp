#include "node/chat_routes.h"

#include <memory>
#include <utility>

#include "http/sse.h"
#include "node/answer_events.h"
#include "node/body_work.h"
#include "node/charge.h"
#include "node/chat_json.h"
#include "node/identity_scope.h"
#include "node/reply_json.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace {

using http::format_event;

constexpr std::string_view kDone = "[DONE]";

// The chunks of one completion.
class ChatFormat final : public AnswerFormat {
 public:
  // `writer`: the language model that is writing the answer; empty when it is there already.
  ChatFormat(bool usage, std::string_view writer, WallTime now)
      : usage_(usage), writer_(writer), now_(now) {}

  std::string begin(const rag::QueryReply& so_far) override {
    identity_ = chat_identity(so_far, now_);
    if (!writer_.empty()) identity_.model = writer_;
    return format_event("", chat_role_chunk(identity_));
  }
  std::string text(std::string_view piece) override {
    return format_event("", chat_text_chunk(identity_, piece));
  }
  std::string end(const rag::QueryReply& reply, bool text_was_sent) override {
    std::string events = text_was_sent ? "" : text(chat_content(*reply.answer));
    events += format_event("", chat_end_chunk(identity_, reply));
    if (usage_) events += format_event("", chat_usage_chunk(identity_, reply));
    return events += format_event("", kDone);
  }
  std::string error(std::string_view body) override { return format_event("", body); }

 private:
  const bool usage_;
  const std::string_view writer_;
  const WallTime now_;
  ChatIdentity identity_; // once it has begun
};

net::Task<http::Response> complete(const QueryRouteParts& parts, std::string_view generator,
                                   http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const auto tier = request_tier(request, parts.tier_header);
  if (!tier) co_return error_reply(tier.error(), request);
  const std::size_t body_bytes = request.body.size();
  auto parse = [body = std::move(request.body), held = request.body_reservation, generator,
                tenant = identity_of(request).tenant,
                top_k = parts.top_k] { return parse_chat(body, tenant, top_k, generator); };
  auto parsed =
      co_await work_on_body(body_bytes, parts.bulk, std::move(parse), *deadline, parts.clock);
  if (!parsed) co_return error_reply(parsed.error(), request);
  parsed->request.deadline = *deadline;
  parsed->request.tier = *tier;
  Charge charge;
  if (parts.limits.limits(*tier)) {
    charge = co_await charge_questions(parts, {&parsed->request, 1}, *tier, *deadline);
    if (!charge.allowed()) co_return charge.refusal(request);
  }
  if (parsed->stream) {
    auto reply = co_await parts.pipeline.stream(std::move(parsed->request));
    if (!reply) co_return charge.failed(query_error(reply.error(), request));
    const bool live = std::holds_alternative<rag::AnswerStream>(*reply);
    auto format = std::make_unique<ChatFormat>(
        parsed->stream_usage, live ? generator : std::string_view(), parts.clock.wall_now());
    co_return stream_answer(std::move(*reply), std::move(format), request_id(request),
                            std::move(charge));
  }
  auto reply = co_await parts.pipeline.run(std::move(parsed->request));
  if (!reply) co_return charge.failed(query_error(reply.error(), request));
  const ChatIdentity identity = chat_identity(*reply, parts.clock.wall_now());
  http::Response response = http::json_response(200, chat_completion_text(identity, *reply));
  response.headers.set("cache-status", cache_status_header(*reply));
  co_return charge.settled(std::move(response), *reply);
}

} // namespace

void add_chat_routes(http::Router& router, QueryRouteParts parts, std::string_view generator) {
  router.add("POST", "/v1/chat/completions",
             [parts = std::move(parts), generator](http::Request& request) {
               return complete(parts, generator, request);
             });
}

} // namespace raglan::node
