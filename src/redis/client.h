// The Redis client: commands from any event loop, a bounded pool, a time limit, a circuit breaker.
//
//   auto client = Client::create(config, loops);           // Result<std::unique_ptr<Client>>
//   Command get("GET", key);
//   Result<Reply> reply = co_await (*client)->command(std::move(get), deadline);
//   if (reply && reply->string()) …                        // a hit
//
// Redis is always optional to whoever asks: a fault costs a miss, at most `timeout` (50 ms), and
// nothing at all while the breaker is open. Errors:
//   kUnavailable       no connection (refused, unknown name, wrong password), the breaker is open,
//                      the server says that it cannot serve (LOADING, …), client closed
//   kUpstream          the connection broke under way, what came is not RESP or too large, or the
//                      server refused this command (WRONGTYPE, OOM, READONLY, NOPERM, …)
//   kDeadlineExceeded  neither a connection nor an answer within `timeout`, or by `deadline`
//   kOverloaded        more than `max_waiting` commands wait for a connection
//   kTooLarge          the command is larger than `max_command`
//   kMalformedRequest  the command may not share a connection (command.h)
//   kClientClosed      the awaiting coroutine was cancelled
// After an error the command may or may not have been carried out. Nothing is sent twice.
//
// Connections. Each event loop has a pool of its own and its even share of `max_connections`; with
// fewer connections than loops, the loops beyond that hand their commands to another one's pool.
// So the bound holds over all loops. Callers share connections, as in lettuce and ioredis: what
// concurrent coroutines send on a loop goes out in one write and is answered in one read, which
// costs a fraction of a round trip each. Up to `max_pipelined` commands are under way on a
// connection before another is made: one slow reply holds up no more than those behind it. What
// must not be shared (transactions, blocking commands) is refused. A connection that nobody uses
// stays open until the server closes it.
//
// A command that is given up half-way, by the caller or at its time limit, never leaves its reply
// to another: replies are matched in order, and its connection takes no more commands and is closed
// as soon as the others that are under way on it have their answers, or their time is up too.
// (lettuce and ioredis drop the late reply and go on with the connection. That is right as long as
// both sides count alike; a new connection costs two round trips, a wrong answer much more.)
// docs/decisions/0009 says what else was weighed.
//
// TLS (rediss://) is at least 1.2, and verifies the certificate's chain and its name.
//
// Breaker (policy/circuit_breaker.h): no connection, a broken one, nonsense and timeouts are
// failures; so are LOADING, MASTERDOWN, CLUSTERDOWN. Any other refusal is neutral (a read-only
// replica, or a Redis that is full, still answers with what it has), and so are a caller that went
// away and a deadline of the caller's that was nearer than `timeout`.
//
// Thread safety: `command` and `pipeline` are awaited on the loops given to `create`, any of them;
// `stats` may be called from any thread. The destructor belongs to a thread that is not a loop's:
// it ends what is under way with kUnavailable. The loops must outlive the client.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "net/event_loops.h"
#include "net/task.h"
#include "policy/circuit_breaker.h"
#include "redis/command.h"
#include "redis/config.h"
#include "redis/reply.h"
#include "telemetry/histogram.h"

namespace raglan::redis {

// What the pools are doing: counts of connections and commands and, where said, of events so far.
struct ClientStats {
  std::size_t connecting = 0;
  std::size_t idle = 0;
  std::size_t in_use = 0;
  std::size_t waiting = 0;              // commands that wait for a connection
  std::uint64_t opened = 0;             // events: connections made
  std::uint64_t commands = 0;           // events: commands asked for
  std::uint64_t waits = 0;              // events: commands that had to wait
  std::uint64_t timeouts = 0;           // events: kDeadlineExceeded
  std::uint64_t unavailable = 0;        // events: no connection, or the server cannot serve
  std::uint64_t broken = 0;             // events: the connection broke under way, nonsense
  std::uint64_t refused_replies = 0;    // events: other error replies
  std::uint64_t overloaded = 0;         // events: refused because too many waited
  std::uint64_t cancelled = 0;          // events: the caller went away
  std::uint64_t refused_by_breaker = 0; // events
  policy::BreakerStatus breaker;
};

struct ClientShared;
class ConnectionPool;

class Client {
 public:
  // `wait_seconds`, where given, observes how long each command waited for a connection. It must
  // outlive the client, and so must the clock. Errors: kMalformedRequest, when config.url is no
  // Redis URL (an empty one is none either); kUnavailable, when it wants TLS and ca_file cannot be
  // loaded.
  static Result<std::unique_ptr<Client>> create(ClientConfig config, net::EventLoops& loops,
                                                telemetry::Histogram* wait_seconds = nullptr,
                                                const Clock& clock = SystemClock::instance());
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The reply, which is never an error: those that Redis answers with are in the result's.
  net::Task<Result<Reply>> command(Command command, Deadline deadline);

  // Several commands in one round trip, on one connection, one after the other; others' commands
  // do not come between them in what is sent, but it is no transaction. As many replies as
  // commands, in order; each may be an error of its own. Empty for no commands.
  net::Task<Result<Replies>> pipeline(std::vector<Command> commands, Deadline deadline);

  // As `command`, but an error reply is a reply: for those who want to know which it was.
  net::Task<Result<Reply>> raw_command(Command command, Deadline deadline);

  // A key or channel of this installation, by its name within it.
  std::string name(std::string_view rest) const;
  // By when a command that is sent now will have ended: `timeout`, or `deadline` if it is nearer.
  Deadline time_limit(Deadline deadline) const;
  const Clock& clock() const;
  ClientStats stats() const;

 private:
  friend class Subscriber; // has a connection of its own to the same server

  Client(std::shared_ptr<ClientShared> shared, net::EventLoops& loops);

  net::Task<Result<Replies>> exchange(Result<std::string> wire, std::size_t commands,
                                      Deadline deadline);

  net::EventLoops& loops_;
  const std::shared_ptr<ClientShared> shared_;
  std::vector<std::shared_ptr<ConnectionPool>> pools_; // of the first loops
};

// What an error reply means to a caller of `command`.
Error error_of(const Reply& error_reply);

} // namespace raglan::redis
