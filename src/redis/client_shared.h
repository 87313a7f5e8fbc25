// What all loops of one client have in common, and what travels between them.
// Internal to redis/; client.h says what it all does.
//
// Thread safety: the counts and `closed` are atomic, the servers and the resolver have locks of
// their own; everything else does not change once made.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/client_tls.h"
#include "net/completion.h"
#include "net/resolver.h"
#include "redis/client_instruments.h"
#include "redis/config.h"
#include "redis/deployment.h"
#include "redis/known_servers.h"
#include "redis/reply.h"

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
    std::atomic<std::uint64_t> redirected = 0;
    std::atomic<std::uint64_t> refreshes = 0;
    std::atomic<std::uint64_t> failed_refreshes = 0;
    std::atomic<std::uint64_t> topologies = 0;
    std::atomic<std::size_t> connections = 0; // being made, idle, in use
    std::atomic<std::size_t> ready = 0;       // idle or in use
    std::atomic<std::size_t> in_use = 0;
    std::atomic<std::size_t> waiting = 0;
  };

  ClientShared(ClientConfig client_config, Deployment where, ClientInstruments client_instruments,
               const Clock& client_clock)
      : config(std::move(client_config)),
        deployment(std::move(where)),
        instruments(client_instruments),
        clock(client_clock),
        servers(deployment.server, [this](Address address) { return make_server(address); }),
        max_open(config.max_connections),
        tls(boost::asio::ssl::context::tls_client),
        tls_usable(!deployment.tls() || net::trust(tls, config.ca_file)) {}

  ServerPtr make_server(const Address& address) const {
    auto server = std::make_shared<Server>(address, config.breaker);
    const std::string name = address.name();
    if (instruments.commands != nullptr) server->commands = &instruments.commands->with(name);
    if (instruments.failures != nullptr) server->failures = &instruments.failures->with(name);
    return server;
  }

  // The right to one more connection of the pools; false when there are as many as there may be.
  // It is given back by counting counts.connections down.
  bool take_connection() {
    if (counts.connections.fetch_add(1) < max_open) return true;
    --counts.connections;
    return false;
  }

  const ClientConfig config;
  const Deployment deployment;
  const ClientInstruments instruments;
  const Clock& clock;
  KnownServers servers;
  std::atomic<std::size_t> max_open; // connections of all pools
  net::Resolver resolver;
  boost::asio::ssl::context tls;
  const bool tls_usable; // false: it is wanted, and the certificates cannot be loaded
  std::atomic<bool> closed = false;
  std::atomic<MonotonicTime> refusal_logged{MonotonicTime::min()};
  Counts counts;
};

class Connection;
class ConnectionPool;

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
  Replies replies;                    // those that have arrived
  std::weak_ptr<ConnectionPool> pool; // that has it
  Connection* connection = nullptr;   // under way there
  bool abandoned = false;             // nobody waits for the replies
};
using RequestPtr = std::shared_ptr<Request>;

} // namespace raglan::redis
