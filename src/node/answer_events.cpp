#include "node/answer_events.h"

#include <utility>

#include "http/error_table.h"
#include "http/sse.h"
#include "node/reply_json.h"

namespace raglan::node {
namespace {

Error interrupted() {
  return {ErrorCode::kUpstream, "the language model failed before its answer was complete", ""};
}

class AnswerEvents {
 public:
  AnswerEvents(rag::StreamedReply reply, std::unique_ptr<AnswerFormat> format,
               std::string_view request_id, Charge charge)
      : reply_(std::move(reply)),
        format_(std::move(format)),
        request_id_(request_id),
        charge_(std::move(charge)) {}

  const Charge& charge() const { return charge_; }

  const rag::QueryReply& so_far() const {
    const auto* whole = std::get_if<rag::QueryReply>(&reply_);
    return whole ? *whole : std::get<rag::AnswerStream>(reply_).outline();
  }

  net::Task<Result<>> write(http::StreamWriter& out) {
    const std::string beginning = format_->begin(so_far());
    if (auto* stream = std::get_if<rag::AnswerStream>(&reply_)) {
      if (auto ok = co_await out.write(beginning); !ok) co_return ok;
      co_return co_await write_live(out, *stream);
    }
    const auto& reply = std::get<rag::QueryReply>(reply_);
    charge_.settle(reply);
    co_await format_->settle(reply);
    co_return co_await out.write(beginning + format_->end(reply, false));
  }

 private:
  net::Task<Result<>> write_live(http::StreamWriter& out, rag::AnswerStream& stream) {
    bool begun = false;
    while (true) {
      auto text = co_await stream.next();
      if (!text) co_return co_await write_error(out, text.error());
      if (text->empty()) break;
      begun = true;
      if (auto ok = co_await out.write(format_->text(*text)); !ok) co_return ok;
    }
    auto reply = co_await stream.finish();
    if (!reply) co_return co_await write_error(out, reply.error());
    charge_.settle(*reply);
    if (begun && !reply->answer->text) co_return co_await write_error(out, interrupted());
    co_await format_->settle(*reply);
    co_return co_await out.write(format_->end(*reply, begun));
  }

  net::Task<Result<>> write_error(http::StreamWriter& out, const Error& error) {
    charge_.fail();
    const std::string event = format_->error(http::error_body(error, request_id_));
    co_return co_await out.write(event);
  }

  rag::StreamedReply reply_;
  const std::unique_ptr<AnswerFormat> format_;
  const std::string request_id_;
  Charge charge_;
};

} // namespace

http::Response stream_answer(rag::StreamedReply reply, std::unique_ptr<AnswerFormat> format,
                             std::string_view request_id, Charge charge) {
  auto events = std::make_shared<AnswerEvents>(std::move(reply), std::move(format), request_id,
                                               std::move(charge));
  http::Response response;
  response.headers.set("content-type", http::kEventStreamType);
  response.headers.set("cache-control", "no-store");
  response.headers.set("cache-status", cache_status_header(events->so_far()));
  response.stream = [events](http::StreamWriter& out) { return events->write(out); };
  return events->charge().described(std::move(response));
}

} // namespace raglan::node
