// The endpoints of a Kubernetes Service, as its EndpointSlices say (discovery.k8s.io/v1).
//
//   EndpointSlices slices(service);
//   Result<> taken = slices.replace(list);              // what a list answered
//   Result<Event> event = slices.apply(line);           // a line of what a watch says
//   Result<Ready> ready = slices.ready();               // the hosts
//
// A Service has several slices: of 100 endpoints each, or so, one family of addresses, and one set
// of ports. What counts, by the API's reference and as kube-proxy reads it:
//   - an endpoint's first address, when the endpoint is ready (no word means ready) and not
//     terminating; slices of names (FQDN, deprecated) count for nothing;
//   - the port that the URL asks for in that slice's list, if it is TCP: a name may stand for
//     another number in each slice. Where a slice lists no ports at all (a headless Service that
//     names none), a number is taken as it is;
//   - each address once, though it may be in two slices while the controller moves it, and each pod
//     once: of one that has addresses of both families, IPv4 is used. As two hosts it would be
//     checked, ejected, and given requests twice.
//
// Invariant: `version` is that of the last list or event, from which a watch can go on.
//
// Thread safety: none; belongs to one coroutine.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/config.h"
#include "balancer/host.h"
#include "balancer/kubernetes_url.h"
#include "base/result.h"

namespace raglan::balancer {

class EndpointSlices {
 public:
  static constexpr std::size_t kMaxSlices = 128;
  static constexpr std::size_t kMaxEndpoints = 1000; // of a slice: the API's own bound

  explicit EndpointSlices(KubernetesService service) : service_(std::move(service)) {}

  // An EndpointSliceList takes the place of all that is here. Errors, and then nothing has changed:
  // kUpstream, what was read is none, or has too many slices.
  Result<> replace(std::string_view list);

  enum class Event : std::uint8_t {
    kChange,   // a slice was added, changed or deleted
    kBookmark, // nothing happened up to a newer version
    kGone,     // the API knows the version no more: list again
  };
  // One event of a watch. Errors: kUpstream; what the API said of its own error is the reason.
  Result<Event> apply(std::string_view line);

  const std::string& version() const { return version_; }

  struct Ready {
    std::vector<HostAddress> hosts; // by name, at most kMaxUpstreams
    std::size_t left_out = 0;       // more than that
  };
  // No hosts: no endpoint is ready. Errors: kUnavailable, there are no slices, as there is no such
  // Service; or none of them has the port.
  Result<Ready> ready() const;

 private:
  struct Endpoint {
    boost::asio::ip::address address;
    std::string pod; // its uid; empty when nothing is said of one
  };
  struct Slice {
    bool is_v6 = false;
    bool lists_ports = false;
    std::uint16_t port = 0; // 0: it has not the one that is asked for
    std::string ports;      // all of them, for people
    std::vector<Endpoint> ready;
  };
  using Slices = std::map<std::string, Slice, std::less<>>;

  Result<> put(const boost::json::value& object, Slices& slices) const;
  void read_ports(const boost::json::value& object, Slice& slice) const;
  static void read_endpoints(const boost::json::value& object, Slice& slice);
  Result<Event> apply_error(const boost::json::value& status) const;
  Error no_port() const;

  const KubernetesService service_;
  std::string version_;
  Slices slices_;
};

} // namespace raglan::balancer
