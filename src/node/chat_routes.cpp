#include "node/chat_routes.h"

#include <memory>
#include <utility>

#include "http/sse.h"
#include "node/body_work.h"
#include "node/chat_json.h"
#include "node/query_stream.h"
#include "node/reply_json.h"
#include "node/request_scope.h"
#include "rag/answer_stream.h"

namespace raglan::node {
namespace {

using http::format_event;

constexpr std::string_view kDone = "[DONE]";

// The chunks of one completion.
class ChatEvents {
 public:
  ChatEvents(rag::StreamedReply reply, bool usage, std::string_view request_id, WallTime now)
      : reply_(std::move(reply)),
        usage_(usage),
        request_id_(request_id),
        identity_(chat_identity(so_far(), now)) {}

  const rag::QueryReply& so_far() const {
    const auto* whole = std::get_if<rag::QueryReply>(&reply_);
    return whole ? *whole : std::get<rag::AnswerStream>(reply_).outline();
  }

  net::Task<Result<>> write(http::StreamWriter& out) {
    auto ok = co_await out.write(format_event("", chat_role_chunk(identity_)));
    if (!ok) co_return ok;
    if (auto* stream = std::get_if<rag::AnswerStream>(&reply_)) {
      co_return co_await write_live(out, *stream);
    }
    const auto& reply = std::get<rag::QueryReply>(reply_);
    co_return co_await out.write(text_event(chat_content(*reply.answer)) + end_events(reply));
  }

 private:
  net::Task<Result<>> write_live(http::StreamWriter& out, rag::AnswerStream& stream) {
    bool begun = false;
    while (true) {
      auto text = co_await stream.next();
      if (!text) co_return co_await write_error(out, text.error());
      if (text->empty()) break;
      begun = true;
      if (auto ok = co_await out.write(text_event(*text)); !ok) co_return ok;
    }
    auto reply = co_await stream.finish();
    if (!reply) co_return co_await write_error(out, reply.error());
    if (begun && !reply->answer->text) co_return co_await write_error(out, interrupted_answer());
    const std::string rest = begun ? "" : text_event(chat_content(*reply->answer));
    co_return co_await out.write(rest + end_events(*reply));
  }

  std::string text_event(std::string_view text) const {
    return format_event("", chat_text_chunk(identity_, text));
  }

  std::string end_events(const rag::QueryReply& reply) const {
    std::string events = format_event("", chat_end_chunk(identity_, reply));
    if (usage_) events += format_event("", chat_usage_chunk(identity_, reply));
    return events += format_event("", kDone);
  }

  net::Task<Result<>> write_error(http::StreamWriter& out, const Error& error) const {
    co_return co_await out.write(format_event("", http::error_body(error, request_id_)));
  }

  rag::StreamedReply reply_;
  const bool usage_;
  const std::string request_id_;
  const ChatIdentity identity_;
};

http::Response stream_response(rag::StreamedReply reply, bool usage, std::string_view request_id,
                               WallTime now) {
  auto events = std::make_shared<ChatEvents>(std::move(reply), usage, request_id, now);
  http::Response response;
  response.headers.set("content-type", http::kEventStreamType);
  response.headers.set("cache-control", "no-store");
  response.headers.set("cache-status", cache_status_header(events->so_far()));
  response.stream = [events](http::StreamWriter& out) { return events->write(out); };
  return response;
}

net::Task<http::Response> complete(const QueryRouteParts& parts, std::string_view generator,
                                   http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::size_t body_bytes = request.body.size();
  auto parse = [body = std::move(request.body), held = request.body_reservation, generator,
                top_k = parts.top_k] {
    return parse_chat(body, std::string(store::kDefaultTenant), top_k, generator);
  };
  auto parsed =
      co_await work_on_body(body_bytes, parts.bulk, std::move(parse), *deadline, parts.clock);
  if (!parsed) co_return error_reply(parsed.error(), request);
  parsed->request.deadline = *deadline;
  if (parsed->stream) {
    auto reply = co_await parts.pipeline.stream(std::move(parsed->request));
    if (!reply) co_return query_error(reply.error(), request);
    co_return stream_response(std::move(*reply), parsed->stream_usage, request_id(request),
                              parts.clock.wall_now());
  }
  auto reply = co_await parts.pipeline.run(std::move(parsed->request));
  if (!reply) co_return query_error(reply.error(), request);
  const ChatIdentity identity = chat_identity(*reply, parts.clock.wall_now());
  http::Response response = http::json_response(200, chat_completion_text(identity, *reply));
  response.headers.set("cache-status", cache_status_header(*reply));
  co_return response;
}

} // namespace

void add_chat_routes(http::Router& router, QueryRouteParts parts, std::string_view generator) {
  router.add("POST", "/v1/chat/completions",
             [parts = std::move(parts), generator](http::Request& request) {
               return complete(parts, generator, request);
             });
}

} // namespace raglan::node
