#include "redis/inquiry.h"

namespace raglan::redis {

net::Task<Result<Reply>> Inquiry::ask(Address address, Stream::Role role, Command question) {
  if (closed_) co_return fail(ErrorCode::kUnavailable, "the Redis client is closed");
  const auto due = shared_->clock.now() + shared_->config.timeout;
  const auto stream = std::make_shared<Stream>(shared_, std::move(address), role, executor_);
  streams_.push_back(stream);
  auto opened = co_await stream->open(due);
  Result<Reply> reply;
  if (opened) {
    std::string wire;
    question.append_to(wire);
    reply = co_await stream->ask(wire, due);
  } else {
    reply = forward_error(opened);
  }
  stream->close();
  std::erase(streams_, stream);
  co_return reply;
}

void Inquiry::close() {
  closed_ = true;
  for (const auto& stream : streams_) stream->close();
}

} // namespace raglan::redis
