#include "node/query_stream.h"

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "http/sse.h"
#include "node/reply_json.h"

namespace raglan::node {
namespace {

using http::format_event;

class QueryFormat final : public AnswerFormat {
 public:
  QueryFormat(bool explain, std::unique_ptr<SessionTurn> turn)
      : explain_(explain), turn_(std::move(turn)) {}

  std::string begin(const rag::QueryReply& so_far) override {
    return format_event("sources", sources_text(*so_far.answer, explain_));
  }
  std::string text(std::string_view piece) override {
    return format_event("delta", json_text(boost::json::object{{"text", piece}}));
  }
  net::Task<void> settle(const rag::QueryReply& reply) override {
    if (turn_) co_await turn_->keep(reply);
  }
  // An older answer, say, in the place of one that failed before it began.
  std::string end(const rag::QueryReply& reply, bool text_was_sent) override {
    const bool late = !text_was_sent && reply.answer->text;
    std::string whole = reply_text(reply, explain_);
    if (turn_) turn_->append_to(whole);
    return (late ? text(*reply.answer->text) : "") + format_event("done", whole);
  }
  std::string error(std::string_view body) override { return format_event("error", body); }

 private:
  const bool explain_;
  const std::unique_ptr<SessionTurn> turn_; // null: it is of no conversation
};

} // namespace

std::unique_ptr<AnswerFormat> query_format(bool explain, std::unique_ptr<SessionTurn> turn) {
  return std::make_unique<QueryFormat>(explain, std::move(turn));
}

} // namespace raglan::node
