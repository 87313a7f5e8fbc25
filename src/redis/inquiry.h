// Single questions to servers, each over a connection of its own: how the client learns where its
// servers are. Internal to redis/.
//
// Thread safety: belongs to its loop.
#pragma once

#include <memory>
#include <vector>

#include "net/task.h"
#include "redis/command.h"
#include "redis/stream.h"

namespace raglan::redis {

class Inquiry {
 public:
  Inquiry(std::shared_ptr<ClientShared> shared, const Stream::Executor& executor)
      : shared_(std::move(shared)), executor_(executor) {}

  // The reply, which may be an error, within the client's `timeout`, connecting included. Errors:
  // as Stream::open and Stream::ask.
  net::Task<Result<Reply>> ask(Address address, Stream::Role role, Command question);
  // Ends what is under way, and refuses what comes.
  void close();

 private:
  const std::shared_ptr<ClientShared> shared_;
  const Stream::Executor executor_;
  std::vector<std::shared_ptr<Stream>> streams_; // while they are used
  bool closed_ = false;
};

} // namespace raglan::redis
