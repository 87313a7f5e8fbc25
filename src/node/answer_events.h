// An answer as a stream of server-sent events: those of /v1/query and of the chat API, which differ
// in how each event is written.
//
// Where a stream fails after it has begun its last event is the error, with the body that it has
// elsewhere: also when the language model fails after it has written something, because then what
// the reader has is no answer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/response.h"
#include "node/charge.h"
#include "rag/answer_stream.h"

namespace raglan::node {

// How one API writes an answer's events.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;
  // Before the text; of what is known of the reply by then.
  virtual std::string begin(const rag::QueryReply& so_far) = 0;
  virtual std::string text(std::string_view piece) = 0;
  // Before the end: what is to be done with the reply and takes its time.
  virtual net::Task<void> settle(const rag::QueryReply&) { co_return; }
  // Behind the text, or with it, unless `text_was_sent`.
  virtual std::string end(const rag::QueryReply& reply, bool text_was_sent) = 0;
  virtual std::string error(std::string_view body) = 0;
};

// The response, with Cache-Status, and what the charge says; which is settled when the answer is
// whole, or known to fail.
http::Response stream_answer(rag::StreamedReply reply, std::unique_ptr<AnswerFormat> format,
                             std::string_view request_id, Charge charge);

} // namespace raglan::node
