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
//   kOverloaded        more than `max_waiting` commands wait for a connection, or other servers
//                      kept all that there may be until then
//   kTooLarge          the command is larger than `max_command`
//   kMalformedRequest  the command may not share a connection (command.h)
//   kClientClosed      the awaiting coroutine was cancelled
// After an error the command may or may not have been carried out. Nothing is carried out twice.
//
// Servers. `url` names a server, sentinels or a cluster (deployment.h). With sentinels the server
// is the master that they name, and another one after a failover. In a cluster each command goes to
// the server that has its first key's slot, and on to where that one redirects it
// (cluster_exchange.h); a command without a key goes to any. A command's keys must have one slot:
// give them one hash tag. Who has which keys, and who is the master, is found out anew when
// something says that it has changed (discovery.h); until it is known, commands fail as while a
// server is away.
//
// Connections. Each event loop has a pool for each server, of its even share of `max_connections`
// (connection_share.h); with fewer connections than loops, the loops beyond that hand their
// commands to another one's pool. So the bound holds over all loops and servers; what the client
// asks on its own account, and subscribers, are beside it. Callers share connections, as in lettuce
// and ioredis: what concurrent coroutines send on a loop goes out in one write and is answered in
// one read, which costs a fraction of a round trip each. Up to `max_pipelined` commands are under
// way on a connection before another is made: one slow reply holds up no more than those behind it.
// What must not be shared (transactions, blocking commands) is refused. A connection that nobody
// uses stays open until the server closes it. One on which READONLY came is closed soon
// (connection.h): the name of its server may lead to another by now.
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
// Breaker (policy/circuit_breaker.h), one for each server: no connection, a broken one, nonsense
// and timeouts are failures; so are LOADING, MASTERDOWN. Any other refusal is neutral (CLUSTERDOWN:
// the server answered, and others are away; a read-only replica, or a Redis that is full, still
// answers with what it has), and so are a caller that went away and a deadline that was nearer than
// `timeout`: the caller's, or what a redirect left of it.
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
#include "redis/client_instruments.h"
#include "redis/command.h"
#include "redis/config.h"
#include "redis/reply.h"

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
  std::uint64_t redirected = 0;         // events: MOVED, ASK, TRYAGAIN
  std::uint64_t refreshes = 0;          // events: the servers were asked for
  std::uint64_t failed_refreshes = 0;   // events: of those, without an answer
  std::uint64_t topologies = 0;         // events: they were others than before
  std::size_t servers = 0;              // that commands go to; 0: not known yet
  std::size_t uncovered_slots = 0;      // of a cluster, that are nobody's
  // Of all servers' breakers, the one that is worst off; but its changes and refusals are those of
  // all together, of servers that are no more, too.
  policy::BreakerStatus breaker;
};

struct ClientShared;
class Dispatch;

class Client {
 public:
  // The instruments must outlive the client, and so must the clock. Errors: kMalformedRequest, when
  // config.url is no Redis URL (an empty one is none either); kUnavailable, when it wants TLS and
  // ca_file cannot be loaded.
  static Result<std::unique_ptr<Client>> create(ClientConfig config, net::EventLoops& loops,
                                                ClientInstruments instruments = {},
                                                const Clock& clock = SystemClock::instance());
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The reply, which is never an error: those that Redis answers with are in the result's.
  net::Task<Result<Reply>> command(Command command, Deadline deadline);

  // Several commands in one round trip, on one connection, one after the other; others' commands
  // do not come between them in what is sent, but it is no transaction. As many replies as
  // commands, in order; each may be an error of its own. Empty for no commands. In a cluster that
  // holds for commands whose keys have one slot; the servers answer theirs at the same time, and
  // what one cannot be asked is an error reply of ours (Reply::ours).
  net::Task<Result<Replies>> pipeline(std::vector<Command> commands, Deadline deadline);

  // As `command`, but an error reply is a reply: for those who want to know which it was.
  net::Task<Result<Reply>> raw_command(Command command, Deadline deadline);

  // Whether every server answers, and every slot has one. Errors: as `command`.
  net::Task<Result<>> check(Deadline deadline);

  // A key or channel of this installation, by its name within it.
  std::string name(std::string_view rest) const;
  // By when a command that is sent now will have ended: `timeout`, or `deadline` if it is nearer.
  Deadline time_limit(Deadline deadline) const;
  const Clock& clock() const;
  ClientStats stats() const;

 private:
  friend class Subscriber; // has a connection of its own to one of the servers
  friend class Scan;       // asks each server

  Client(std::shared_ptr<ClientShared> shared, std::shared_ptr<Dispatch> dispatch);

  const std::shared_ptr<ClientShared> shared_;
  const std::shared_ptr<Dispatch> dispatch_;
};

// What an error reply means to a caller of `command`.
Error error_of(const Reply& error_reply);

} // namespace raglan::redis
