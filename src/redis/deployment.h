// How Redis is run, and where to begin to look for it: the setting `redis.url`, taken apart.
//
//   redis://…, rediss://…, unix://…                     one server (address.h)
//   redis+sentinel://[login@]host[:port],host[:port],…/master[/database]
//                                                       the master of that name, as these sentinels
//                                                       say (port 26379)
//   redis+cluster://[login@]host[:port],host[:port],…   the cluster that any of these is in
//
// With rediss+sentinel:// and rediss+cluster:// all connections are TLS, to sentinels as well. The
// login and the database are those of the servers; a login at the sentinels is a setting of its own
// (config.h). A cluster has database 0 only. The sentinel form is that of Python's
// redis-sentinel-url and of what grew from it; a cluster's has no standard, and follows it.
// (lettuce writes redis-sentinel://…/0#master.)
//
// Pure values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "redis/address.h"

namespace raglan::redis {

enum class Mode : std::uint8_t { kStandalone, kSentinel, kCluster };

struct Deployment {
  static constexpr std::size_t kMaxHosts = 64;

  Mode mode = Mode::kStandalone;
  // The server; the sentinels, with no login; some servers of the cluster. At least one.
  std::vector<Address> addresses;
  std::string master; // of the sentinels: the master's name
  Address server;     // login, TLS and database of every server; its host and port mean nothing

  bool tls() const { return server.tls; }
};

// Errors: kMalformedRequest, with a message that repeats nothing of the URL.
Result<Deployment> parse_deployment(std::string_view url);

} // namespace raglan::redis
