#include "node/query_stream.h"

#include <memory>
#include <string>
#include <utility>

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "http/error_table.h"
#include "http/sse.h"
#include "node/reply_json.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

using http::format_event;

std::string delta_event(std::string_view text) {
  const json::object delta{{"text", text}};
  return format_event("delta", json_text(delta));
}

class QueryEvents {
 public:
  QueryEvents(rag::StreamedReply reply, bool explain, std::string_view request_id)
      : reply_(std::move(reply)), explain_(explain), request_id_(request_id) {}

  std::string cache_status() const {
    const auto* whole = std::get_if<rag::QueryReply>(&reply_);
    return cache_status_header(whole ? *whole : std::get<rag::AnswerStream>(reply_).outline());
  }

  net::Task<Result<>> write(http::StreamWriter& out) {
    if (auto* stream = std::get_if<rag::AnswerStream>(&reply_)) {
      co_return co_await write_live(out, *stream);
    }
    const auto& reply = std::get<rag::QueryReply>(reply_);
    std::string events = format_event("sources", sources_text(*reply.answer, explain_));
    if (reply.answer->text) events += delta_event(*reply.answer->text);
    events += format_event("done", reply_text(reply, explain_));
    co_return co_await out.write(events);
  }

 private:
  net::Task<Result<>> write_live(http::StreamWriter& out, rag::AnswerStream& stream) {
    const std::string sources = sources_text(*stream.outline().answer, explain_);
    if (auto ok = co_await out.write(format_event("sources", sources)); !ok) co_return ok;
    bool begun = false;
    while (true) {
      auto text = co_await stream.next();
      if (!text) co_return co_await write_error(out, text.error());
      if (text->empty()) break;
      begun = true;
      if (auto ok = co_await out.write(delta_event(*text)); !ok) co_return ok;
    }
    auto reply = co_await stream.finish();
    if (!reply) co_return co_await write_error(out, reply.error());
    if (begun && !reply->answer->text) co_return co_await write_error(out, interrupted_answer());
    co_return co_await out.write(format_event("done", reply_text(*reply, explain_)));
  }

  net::Task<Result<>> write_error(http::StreamWriter& out, const Error& error) const {
    co_return co_await out.write(format_event("error", http::error_body(error, request_id_)));
  }

  rag::StreamedReply reply_;
  const bool explain_;
  const std::string request_id_;
};

} // namespace

Error interrupted_answer() {
  return {ErrorCode::kUpstream, "the language model failed before its answer was complete", ""};
}

http::Response query_stream(rag::StreamedReply reply, bool explain, std::string_view request_id) {
  auto events = std::make_shared<QueryEvents>(std::move(reply), explain, request_id);
  http::Response response;
  response.headers.set("content-type", http::kEventStreamType);
  response.headers.set("cache-control", "no-store");
  response.headers.set("cache-status", events->cache_status());
  response.stream = [events](http::StreamWriter& out) { return events->write(out); };
  return response;
}

} // namespace raglan::node
