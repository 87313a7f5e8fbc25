// Which nodes the balancer has: named by URLs in the configuration and over the admin API, each of
// which is one host for every address that its name has at the moment.
//
// Names are looked up again every kResolveInterval; one that cannot be looked up keeps the
// addresses that it had. A change reaches the loops with their next request, and drops none.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "balancer/config.h"
#include "balancer/fleet.h"
#include "base/guarded.h"
#include "net/event_loops.h"
#include "net/resolver.h"

namespace raglan::balancer {

class Members {
 public:
  static constexpr std::chrono::seconds kResolveInterval{10};

  // All must outlive the loops' last coroutine.
  Members(Fleet& fleet, net::Resolver& resolver) : fleet_(fleet), resolver_(resolver) {}

  // Each returns once the names have been looked up. Errors, and then nothing has changed:
  // kInvalidField; kConflict (too many); kUnavailable when no name can be looked up. One of several
  // that cannot be has no host until it can.
  net::Task<Result<>> set(std::vector<UpstreamConfig> upstreams);
  // One that is there gets the weight.
  net::Task<Result<>> add(UpstreamConfig upstream);
  // kNotFound: there is none of this URL.
  net::Task<Result<>> remove(std::string url);

  std::vector<UpstreamConfig> all() const;

  // Looks names up again and again, until `stop`.
  net::Task<void> watch();
  void stop() { stopped_ = true; }

 private:
  struct Known {
    UpstreamConfig upstream;
    std::vector<HostAddress> addresses;
  };

  net::Task<Result<std::vector<HostAddress>>> resolve(std::string url);
  void apply(const std::vector<Known>& known);

  Fleet& fleet_;
  net::Resolver& resolver_;
  std::atomic<bool> stopped_ = false;
  Guarded<std::vector<Known>> known_;
};

} // namespace raglan::balancer
