// The settings `[redis]` and `[redis.breaker]`.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "config/secret.h"
#include "config/table.h"
#include "policy/circuit_breaker.h"

namespace raglan::redis {

struct ClientConfig {
  config::Secret url; // may hold a password; empty: no Redis. See redis/deployment.h
  std::string sentinel_user;
  config::Secret sentinel_password; // empty: no login at sentinels
  std::string ca_file;
  std::string key_prefix = "raglan:"; // of every key and channel
  std::size_t max_connections = 50;
  std::chrono::milliseconds timeout{50};
  std::size_t max_pipelined = 64;
  std::size_t max_waiting = 1'024;
  std::size_t max_command_bytes = 16'000'000;
  std::size_t max_reply_bytes = 16'000'000;
  policy::CircuitBreakerConfig breaker;

  bool enabled() const { return !url.empty(); }
};

void describe(config::Table<ClientConfig>& table);

} // namespace raglan::redis
