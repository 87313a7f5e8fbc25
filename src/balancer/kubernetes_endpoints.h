// The hosts of a kubernetes:// upstream: listed once, then watched, for as long as there is one.
//
//   auto endpoints = std::make_shared<KubernetesEndpoints>(service, access, client, clock);
//   Result<std::vector<HostAddress>> now = co_await endpoints->list();
//   co_await endpoints->watch([](std::vector<HostAddress> hosts) { … });   // until `stop`
//
// A list gives all slices and the version they are of; a watch from that version says what has
// changed since. One that ends, as each does after some minutes, is begun again where it was, from
// the version of its last event or bookmark; when the API knows that one no more (410), or says
// what cannot be read, the slices are listed anew. The same is done when it refuses to be watched,
// so that without the verb "watch" the hosts are still those of the last half minute.
//
// While the API cannot be asked, the hosts stay those that are known: who is well among them is
// for checks and ejection to say. It is asked again after a backoff; so it is after a watch that
// ended well, as all balancers lose theirs in the moment in which an API server is restarted.
// A Service that is deleted, on the other hand, has no hosts.
//
// Thread safety: `list` and `watch` belong to one event loop, one after the other; `stop` may be
// called from any thread, and must be before the loop is destroyed. All that is given must outlive
// the loop's last coroutine, and so must this.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "balancer/endpoint_slices.h"
#include "balancer/host.h"
#include "balancer/kubernetes_access.h"
#include "balancer/kubernetes_url.h"
#include "balancer/lines.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/log_throttle.h"
#include "base/rng.h"
#include "http/client.h"
#include "net/completion.h"
#include "policy/backoff.h"

namespace raglan::balancer {

struct KubernetesTimes {
  std::chrono::seconds list_timeout{15};
  std::chrono::seconds watch_duration{300}; // at least; at most twice that
  policy::BackoffConfig backoff{.base_backoff = std::chrono::milliseconds(500),
                                .max_backoff = std::chrono::seconds(30)};
};

class KubernetesEndpoints {
 public:
  static constexpr std::size_t kMaxLineBytes = 2 * 1024 * 1024; // etcd keeps no more than 1.5 MB
  static constexpr std::chrono::seconds kMaxRetryAfter{60};

  using OnChange = std::function<void(std::vector<HostAddress>)>;

  // `client`: of kubernetes_client_config.
  KubernetesEndpoints(KubernetesService service, KubernetesAccess access, http::Client& client,
                      const Clock& clock, KubernetesTimes times = {})
      : service_(std::move(service)),
        access_(std::move(access)),
        client_(client),
        clock_(clock),
        times_(times),
        slices_(service_),
        rng_(random_seed()) {}

  // The hosts as they are now, by name; none, when no endpoint is ready. Errors: kUnavailable
  // whatever the cause, which the message names; kClientClosed.
  net::Task<Result<std::vector<HostAddress>>> list();

  // Calls back, on the loop, with all hosts whenever they are others than those that `list`, or the
  // last call, said. One call may be under way when `stop` returns. To be called once.
  net::Task<void> watch(OnChange on_change);
  void stop();

 private:
  struct Nothing {};
  struct Stopping {
    bool stopped = false;
    std::optional<net::Completion<Nothing>> waiting;
  };

  net::Task<void> until_stopped();
  net::Task<void> follow(OnChange on_change);
  net::Task<Result<>> take_list();
  net::Task<Result<>> take_changes(const OnChange& on_change);
  net::Task<Result<http::ResponseStream>> open_watch();
  net::Task<Error> refused_watch(http::ResponseStream stream, std::string_view token);
  Result<> apply(Lines& lines, std::string_view piece);
  void report(const OnChange& on_change);
  void note_left_out(const EndpointSlices::Ready& ready) const;
  void note_failure(const Error& error);

  const KubernetesService service_;
  const KubernetesAccess access_;
  http::Client& client_;
  const Clock& clock_;
  const KubernetesTimes times_;
  EndpointSlices slices_;
  bool listed_ = false; // and a watch can go on from there
  std::optional<std::vector<HostAddress>> reported_;
  Rng rng_;
  LogThrottle failures_;
  Guarded<Stopping> stopping_;
};

} // namespace raglan::balancer
