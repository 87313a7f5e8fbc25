#include "redis/reply_parser.h"

#include <new>

namespace raglan::redis {

// hiredis is C: no exception may pass through it, and nullptr means "out of memory".
struct ReplyParser::Build {
  static ReplyParser& parser_of(const redisReadTask* task) {
    return *static_cast<ReplyParser*>(task->privdata);
  }

  static Reply::Kind kind_of(int type) {
    if (type == REDIS_REPLY_ERROR) return Reply::Kind::kError;
    return type == REDIS_REPLY_STATUS ? Reply::Kind::kStatus : Reply::Kind::kString;
  }

  static void* string(const redisReadTask* task, char* text, std::size_t size_bytes) {
    Reply* const reply = parser_of(task).place(*task, size_bytes);
    if (reply == nullptr) return nullptr;
    try {
      reply->text.assign(text, size_bytes);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    reply->kind = kind_of(task->type);
    return reply;
  }

  static void* array(const redisReadTask* task, int size) {
    const auto elements = static_cast<std::size_t>(size);
    Reply* const reply = parser_of(task).place(*task, elements * sizeof(Reply));
    if (reply == nullptr) return nullptr;
    try {
      reply->elements.resize(elements);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    reply->kind = Reply::Kind::kArray;
    return reply;
  }

  static void* integer(const redisReadTask* task, long long value) {
    Reply* const reply = parser_of(task).place(*task, 0);
    if (reply == nullptr) return nullptr;
    reply->kind = Reply::Kind::kInteger;
    reply->integer = value;
    return reply;
  }

  static void* nil(const redisReadTask* task) { return parser_of(task).place(*task, 0); }

  static void free(void*) {} // all values lie inside reply_

  static redisReplyObjectFunctions* functions() {
    static redisReplyObjectFunctions table = {string, array, integer, nil, free};
    return &table;
  }
};

ReplyParser::ReplyParser(std::size_t max_reply_bytes)
    : max_reply_bytes_(max_reply_bytes),
      reader_(redisReaderCreateWithFunctions(Build::functions()), &redisReaderFree) {
  if (reader_ != nullptr) reader_->privdata = this;
}

Result<> ReplyParser::feed(std::string_view bytes) {
  if (reader_ == nullptr || redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != 0) {
    return broken();
  }
  return {};
}

Result<std::optional<Reply>> ReplyParser::next() {
  constexpr std::size_t kFraming = 32; // "$16000000" and line ends
  void* built = nullptr;
  if (reader_ == nullptr || redisReaderGetReply(reader_.get(), &built) != REDIS_OK) return broken();
  if (built == nullptr) {
    const std::size_t unread_bytes = reader_->len - reader_->pos;
    too_large_ = reply_bytes_ + unread_bytes > max_reply_bytes_ + kFraming;
    if (too_large_) return broken();
    return std::nullopt;
  }
  reply_bytes_ = 0;
  return std::exchange(reply_, Reply());
}

// Where the value of this task belongs; nullptr when it would make the reply too large.
Reply* ReplyParser::place(const redisReadTask& task, std::size_t size_bytes) {
  reply_bytes_ += size_bytes;
  if (reply_bytes_ > max_reply_bytes_) {
    too_large_ = true;
    return nullptr;
  }
  if (task.parent == nullptr) return &reply_;
  return &static_cast<Reply*>(task.parent->obj)->elements[static_cast<std::size_t>(task.idx)];
}

std::unexpected<Error> ReplyParser::broken() const {
  return fail(ErrorCode::kUpstream,
              too_large_ ? "a reply of Redis is too large" : "what Redis sent is not RESP");
}

} // namespace raglan::redis
