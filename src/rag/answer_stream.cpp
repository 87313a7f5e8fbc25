#include "rag/answer_stream.h"

#include <utility>

#include "rag/pipeline_run.h"

namespace raglan::rag {

AnswerStream::AnswerStream(std::unique_ptr<Pipeline::Run> run, Pipeline::Flights::Seat seat)
    : run_(std::move(run)), seat_(std::move(seat)) {}
AnswerStream::AnswerStream(AnswerStream&&) noexcept = default;
AnswerStream::~AnswerStream() = default;

const QueryReply& AnswerStream::outline() const { return run_->reply(); }

net::Task<Result<std::string>> AnswerStream::next() {
  const auto live = seat_.progress();
  auto news = co_await live->news(true, seen_bytes_, run_->deadline(), run_->clock());
  if (!news) co_return forward_error(news);
  seen_bytes_ += news->text.size();
  co_return std::move(news->text);
}

net::Task<Result<QueryReply>> AnswerStream::finish() {
  auto ok = co_await run_->finish(seat_, seen_bytes_ > 0);
  if (!ok) co_return forward_error(ok);
  co_return run_->take_reply();
}

} // namespace raglan::rag
