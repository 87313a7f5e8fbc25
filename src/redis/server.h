// One Redis server that the client sends commands to: where it is, and how it has been doing.
// Internal to redis/; client.h says what it all does.
//
// Its breaker is its own: a server that is away keeps no command from another one.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "policy/circuit_breaker.h"
#include "redis/address.h"
#include "telemetry/family.h"

namespace raglan::redis {

struct Server {
  Server(Address where, const policy::CircuitBreakerConfig& config)
      : address(std::move(where)), breaker(config) {}

  const Address address;
  policy::CircuitBreaker breaker;
  telemetry::Counter* commands = nullptr; // sent to it; may be null
  telemetry::Counter* failures = nullptr; // of those, without an answer; may be null
  // False once it is no master of ours any more, nor named by a redirect (known_servers.h):
  // connections to it are closed when nobody waits.
  std::atomic<bool> listed = true;
  std::atomic<bool> reachable = true; // what the log said last
};
using ServerPtr = std::shared_ptr<Server>;

} // namespace raglan::redis
