// Where one Redis server is and how to log in: a URL of one, taken apart.
//
//   redis://[user[:password]@]host[:port][/database]      redis://cache.internal:6379/2
//   rediss://…                                            the same over TLS
//   unix://[user[:password]@]/path[?db=database]          unix:///run/redis/redis.sock
//
// (For sentinels and clusters: deployment.h.) These are the forms of redis-py and redis-cli. A user
// name without a colon is a password, as an old `redis://secret@host` meant it, and so is one
// behind a colon (`redis://:secret@host`). User and password are percent-decoded.
//
// Pure values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/secret.h"

namespace raglan::redis {

struct Address {
  bool tls = false;
  std::string host; // a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 6379;
  std::string socket_path; // of a unix socket; then host and port mean nothing
  std::string user;        // empty: the server's default user
  config::Secret password; // empty: no login
  std::uint32_t database = 0;

  // For messages and the log: "host:port", "[::1]:6379", "a unix socket". Never a path or a secret.
  std::string name() const;
};

// Errors: kMalformedRequest, with a message that repeats nothing of the URL.
Result<Address> parse_address(std::string_view url);

} // namespace raglan::redis
