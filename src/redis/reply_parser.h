// Bytes from a Redis server into replies: hiredis' incremental reader, building our values.
//
//   ReplyParser parser(config.max_reply_bytes);
//   if (auto fed = parser.feed(bytes); !fed) …;
//   while (true) {
//     Result<std::optional<Reply>> reply = parser.next();
//     if (!reply || !*reply) break;                      // an error; more must arrive
//   }
//
// A reply costs at most `max_reply_bytes` of memory: its texts, a fixed sum for each element, and
// what has arrived of the unfinished rest. The sum is taken before an array is made, so that
// "*2000000000" costs nothing. After an error the connection's bytes mean nothing any more.
//
// Thread safety: none.
#pragma once

#include <hiredis/read.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "redis/reply.h"

namespace raglan::redis {

class ReplyParser {
 public:
  explicit ReplyParser(std::size_t max_reply_bytes);
  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;

  // Call `next` until it has no more before feeding again. Errors: kUpstream.
  Result<> feed(std::string_view bytes);
  // The next whole reply; nullopt when more must arrive. Errors: kUpstream, when it is not RESP2 or
  // too large.
  Result<std::optional<Reply>> next();

 private:
  struct Build; // hiredis' callbacks

  Reply* place(const redisReadTask& task, std::size_t size_bytes);
  std::unexpected<Error> broken() const;

  const std::size_t max_reply_bytes_;
  std::size_t reply_bytes_ = 0; // of the present reply, as far as it is built
  bool too_large_ = false;
  Reply reply_;
  std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader_;
};

} // namespace raglan::redis
