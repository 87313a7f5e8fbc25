// What a server of a Redis Cluster says when a command belongs elsewhere.
//
//   -MOVED 3999 127.0.0.1:6381      the slot is that server's from now on
//   -ASK 3999 127.0.0.1:6381        this key is there already, while the slot is being moved: this
//                                   command alone goes there, behind ASKING
//   -TRYAGAIN …                     of several keys some are there already: in a moment
//
// The command was not carried out in any of these cases. Some clusters leave the host out, and mean
// the one that was asked (":6381"). From the Redis Cluster specification, "Redirection".
//
// Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "redis/reply.h"

namespace raglan::redis {

struct Redirect {
  enum class Kind : std::uint8_t { kMoved, kAsk, kTryAgain };

  Kind kind = Kind::kMoved;
  std::uint16_t slot = 0; // of kMoved and kAsk; so are the others
  std::string host;       // a name or an address, IPv6 without brackets
  std::uint16_t port = 0;
};

// Empty when the reply is none, or says nowhere to go. `asked_host`: the server it came from.
std::optional<Redirect> parse_redirect(const Reply& reply, std::string_view asked_host);

} // namespace raglan::redis
