// An answer that is read while it is being written.
//
//   auto reply = co_await pipeline.stream(request);
//   if (auto* stream = std::get_if<AnswerStream>(&*reply)) {
//     … stream->outline() …                               // passages, and how it is cached
//     while (true) {
//       auto text = co_await stream->next();
//       if (!text) …                                      // the deadline, or it is cancelled
//       if (text->empty()) break;
//     }
//     Result<QueryReply> whole = co_await stream->finish();
//   }
//
// Destroying it leaves the answer, which is cancelled when nobody else waits for it. A model that
// fails while it writes takes the text back: the whole reply has none then, at level 2.
//
// Thread safety: belongs to one coroutine at a time, on the loop that opened it.
#pragma once

#include <memory>
#include <string>

#include "rag/pipeline.h"

namespace raglan::rag {

class AnswerStream {
 public:
  AnswerStream(std::unique_ptr<Pipeline::Run> run, Pipeline::Flights::Seat seat);
  AnswerStream(AnswerStream&&) noexcept;
  AnswerStream& operator=(AnswerStream&&) = delete;
  ~AnswerStream();

  // Without text, timings and usage.
  const QueryReply& outline() const;
  // More text; empty at its end, and from then on.
  net::Task<Result<std::string>> next();
  // Errors: those of Pipeline::run.
  net::Task<Result<QueryReply>> finish();

 private:
  std::unique_ptr<Pipeline::Run> run_;
  Pipeline::Flights::Seat seat_;
  std::size_t seen_bytes_ = 0;
};

} // namespace raglan::rag
