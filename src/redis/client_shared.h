// What all loops of one client have in common, and what travels between them.
// Internal to redis/; client.h says what it all does.
//
// Thread safety: the counts and `closed` are atomic, the breaker and the resolver have locks of
// their own; everything else does not change once made.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/client_tls.h"
#include "net/completion.h"
#include "net/resolver.h"
#include "policy/circuit_breaker.h"
#include "redis/address.h"
#include "redis/config.h"
#include "redis/reply.h"
#include "telemetry/histogram.h"

namespace raglan::redis {

struct ClientShared {
  struct Counts {
    telemetry::Counter commands;
    telemetry::Counter waits;
    telemetry::Counter opened;
    std::atomic<std::uint64_t> refused_replies = 0;
    std::atomic<std::uint64_t> timeouts = 0;
    std::atomic<std::uint64_t> unavailable = 0;
    std::atomic<std::uint64_t> broken = 0;
    std::atomic<std::uint64_t> cancelled = 0;
    std::atomic<std::uint64_t> overloaded = 0;
    std::atomic<std::uint64_t> breaker_refused = 0;
    std::atomic<std::size_t> connections = 0; // being made, idle, in use
    std::atomic<std::size_t> ready = 0;       // idle or in use
    std::atomic<std::size_t> in_use = 0;
    std::atomic<std::size_t> waiting = 0;
  };

  ClientShared(ClientConfig client_config, Address server, telemetry::Histogram* wait_histogram,
               const Clock& client_clock)
      : config(std::move(client_config)),
        address(std::move(server)),
        wait_seconds(wait_histogram),
        clock(client_clock),
        breaker(config.breaker),
        tls(boost::asio::ssl::context::tls_client),
        tls_usable(!address.tls || net::trust(tls, config.ca_file)) {}

  const ClientConfig config;
  const Address address;
  telemetry::Histogram* const wait_seconds; // may be null
  const Clock& clock;
  policy::CircuitBreaker breaker;
  net::Resolver resolver;
  boost::asio::ssl::context tls;
  const bool tls_usable; // false: it is wanted, and the certificates cannot be loaded
  std::atomic<bool> closed = false;
  std::atomic<bool> reachable = true; // what the log said last
  std::atomic<MonotonicTime> refusal_logged{MonotonicTime::min()};
  Counts counts;
};

class Connection;

// One command, or several that stay together, from the caller to a connection and back.
// Belongs to the loop of its pool; the caller keeps it only to abandon it.
struct Request {
  Request(std::string encoded, std::size_t reply_count, MonotonicTime now, MonotonicTime until,
          net::Completion<Replies> completion)
      : wire(std::move(encoded)),
        commands(reply_count),
        began(now),
        due(until),
        done(std::move(completion)) {}

  std::string wire;
  const std::size_t commands; // and as many replies
  const MonotonicTime began;
  const MonotonicTime due;
  const net::Completion<Replies> done;
  Replies replies;                  // those that have arrived
  Connection* connection = nullptr; // under way there
  bool abandoned = false;           // nobody waits for the replies
};
using RequestPtr = std::shared_ptr<Request>;

} // namespace raglan::redis
