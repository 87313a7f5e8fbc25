// Which nodes the balancer has: named by URLs in the configuration and over the admin API, each of
// which is one host for every address that its name has at the moment, or for every ready endpoint
// of the Kubernetes Service that it names.
//
// Names are looked up again every kResolveInterval, Services are watched; one that cannot be asked
// about keeps the addresses that it had. A change reaches the loops with their next request, and
// drops none.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "balancer/config.h"
#include "balancer/fleet.h"
#include "balancer/kubernetes_endpoints.h"
#include "base/guarded.h"
#include "net/event_loops.h"
#include "net/resolver.h"

namespace raglan::balancer {

class Members {
 public:
  static constexpr std::chrono::seconds kResolveInterval{10};

  // Whom kubernetes:// upstreams are asked of, on the loop that everything here is awaited on.
  struct Cluster {
    KubernetesAccess access;
    http::Client& client; // of kubernetes_client_config
    const Clock& clock;
  };

  // All must outlive the loops' last coroutine. `cluster`: an error when there is none, which
  // whoever names a kubernetes:// upstream is told.
  Members(Fleet& fleet, net::Resolver& resolver,
          Result<Cluster> cluster = fail(ErrorCode::kUnavailable, "no cluster"))
      : fleet_(fleet), resolver_(resolver), cluster_(std::move(cluster)) {}

  // Each returns once the names have been looked up. Errors, and then nothing has changed:
  // kInvalidField; kConflict (too many); kUnavailable when no name can be looked up. One of several
  // that cannot be has no host until it can.
  net::Task<Result<>> set(std::vector<UpstreamConfig> upstreams);
  // One that is there gets the weight.
  net::Task<Result<>> add(UpstreamConfig upstream);
  // kNotFound: there is none of this URL.
  net::Task<Result<>> remove(std::string url);

  std::vector<UpstreamConfig> all() const;

  // Looks names up again and again, until `stop`. Services are watched without it.
  net::Task<void> watch();
  void stop();

 private:
  struct Known {
    UpstreamConfig upstream;
    std::vector<HostAddress> addresses;
    std::shared_ptr<KubernetesEndpoints> endpoints; // null: of a name; shared with its watch
  };

  Result<Known> known_of(UpstreamConfig upstream) const;
  net::Task<Result<std::vector<HostAddress>>> look_up(const Known& known);
  net::Task<Result<std::vector<HostAddress>>> resolve(std::string url);
  net::Task<void> follow(std::shared_ptr<KubernetesEndpoints> endpoints);
  // All are in `known_` already, so that `stop` finds them.
  net::Task<void> begin_to_follow(std::vector<std::shared_ptr<KubernetesEndpoints>> endpoints);
  void apply(const std::vector<Known>& known);

  Fleet& fleet_;
  net::Resolver& resolver_;
  const Result<Cluster> cluster_;
  std::atomic<bool> stopped_ = false;
  Guarded<std::vector<Known>> known_;
};

} // namespace raglan::balancer
