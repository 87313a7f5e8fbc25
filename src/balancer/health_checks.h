// Asks every host again and again how it is.
//
// A check is a GET of the configured path on a connection of its own pool, which the host must
// answer with 200 in time; what follows from it is policy/host_health.h's and the fleet's. Each
// host has its own rhythm, begun at a random moment of the interval, so that a fleet is not asked
// all at once; a new host is asked at once, and again every second until it has answered for the
// first time.
//
// Thread safety: begin and stop belong to one thread; `stop` before the loops are destroyed.
#pragma once

#include <atomic>
#include <memory>
#include <set>

#include "balancer/config.h"
#include "balancer/fleet.h"
#include "base/rng.h"
#include "http/client.h"
#include "net/event_loops.h"

namespace raglan::balancer {

class HealthChecks {
 public:
  // All must outlive the loops' last coroutine.
  HealthChecks(const HealthConfig& config, Fleet& fleet, http::Client& client, const Clock& clock)
      : config_(config), fleet_(fleet), client_(client), clock_(clock), rng_(random_seed()) {}

  // Checks the hosts of the fleet from now on, and those that join.
  net::Task<void> watch();
  void stop() { stopped_ = true; }

 private:
  net::Task<void> watch_one(std::shared_ptr<Host> host);
  net::Task<Result<>> check(const Host& host);

  const HealthConfig& config_;
  Fleet& fleet_;
  http::Client& client_;
  const Clock& clock_;
  Rng rng_; // of the loop that runs `watch`, as is what follows
  std::set<const Host*> watched_;
  std::atomic<bool> stopped_ = false;
};

} // namespace raglan::balancer
