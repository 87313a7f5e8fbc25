// One connection of the pool, with the requests that are under way on it.
// Internal to redis/; client.h says what it all does.
//
//   connecting ──login done──→ ready ──a request is abandoned──→ retiring ──nobody waits──→ closed
//
// Requests are written in the order they come and answered in that order. What is sent while the
// loop is busy goes out in one write: flushing is posted behind what the loop has to do already,
// so that all the coroutines that it resumes first share it. A connection that breaks, or on which
// nonsense arrives, ends all its requests with the same error; none is sent again.
//
// A retiring connection takes no new requests; those that are under way still get their answers,
// and when the last that somebody waits for has its own, it is closed. A connection retires as well
// when its server says that it may no longer be the one that its name leads to (READONLY), so that
// the next one looks the name up again and asks who is there. Not within kStay: a server that says
// so for good, a replica, is connected to so often at most.
//
// Thread safety: belongs to the loop of its pool.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "redis/client_shared.h"
#include "redis/stream.h"

namespace raglan::redis {

class ConnectionPool;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class State { kConnecting, kReady, kRetiring, kClosed };

  static constexpr std::chrono::milliseconds kStay{500};

  // `pool` hears of every change, until it lets go of the connection. It has the right to one more
  // (ClientShared::take_connection), which the connection gives back when it is closed.
  Connection(std::shared_ptr<ClientShared> shared, const ServerPtr& server,
             const Stream::Executor& executor, std::weak_ptr<ConnectionPool> pool);

  // Starts connecting, with the config's timeout.
  void start();
  State state() const { return state_; }
  // Whether nothing is under way on it.
  bool idle() const { return state_ == State::kReady && requests_.empty(); }
  // Whether the request may go out here and now.
  bool has_room(const Request& request) const;
  void send(const RequestPtr& request);
  // Nobody waits for this request of ours any more. It may have been given up before.
  void abandon(Request& request);
  // Ends the requests that are overdue; the time when the next one will be.
  MonotonicTime expire(MonotonicTime now);
  // Ends all requests with `why`. Afterwards the pool no longer has the connection.
  void close(const Error& why);

 private:
  static net::Task<> run(std::shared_ptr<Connection> self);
  Result<> deliver();
  void take(Reply reply);
  void schedule_flush();
  void flush();
  void retire();
  void set_in_use(bool in_use);

  const std::shared_ptr<ClientShared> shared_;
  const Stream::Executor executor_;
  const std::weak_ptr<ConnectionPool> pool_;
  const std::shared_ptr<Stream> stream_;
  State state_ = State::kConnecting;
  MonotonicTime ready_at_{};
  std::deque<RequestPtr> requests_; // written or to be written, in order
  std::size_t commands_ = 0;        // of requests_
  std::size_t awaited_ = 0;         // of requests_, those that somebody waits for
  bool in_use_ = false;
  std::string outgoing_; // not yet being written
  std::string writing_;
  bool flush_scheduled_ = false; // or a write is under way
};

} // namespace raglan::redis
