// The hosts behind the balancer: which there are, and which of them requests may be sent to.
//
// A host is in rotation when it is well (active checks) and not ejected (the answers that clients
// got). When fewer than half of those that were checked are, all are (policy/host_health.h:
// `panics`), and before the first check of any.
//
// Loops hold a snapshot of the list, and look whether there is a newer one by a number that they
// compare; what changes with every request is in the hosts themselves.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "balancer/host.h"
#include "base/guarded.h"
#include "base/result.h"
#include "policy/host_health.h"
#include "policy/outlier_ejection.h"

namespace raglan::balancer {

using Hosts = std::vector<std::shared_ptr<Host>>;

class Fleet {
 public:
  struct Member {
    HostAddress address;
    std::uint32_t weight = 1;
  };

  // `thresholds`: of checks; a host gets no requests before its first good one. Empty: nobody
  // checks, and all are well.
  explicit Fleet(std::optional<policy::HealthThresholds> thresholds = {},
                 policy::OutlierEjectionConfig ejection = {},
                 const Clock& clock = SystemClock::instance())
      : thresholds_(thresholds), clock_(clock), state_(ejection) {}

  // These are the members from now on. One that was there before stays what it is, with its new
  // weight; one that is left out ends what it is at work for, and gets nothing else.
  void set(std::vector<Member> members);
  bool has(const Host& host) const;

  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const Hosts> hosts() const;

  // A check has ended. The state that follows.
  policy::HealthState note_check(const Host& host, const Result<>& well);
  // The host says itself that it is not ready (http/error_table.h): it gets nothing before its next
  // good check.
  void note_not_ready(const Host& host);
  policy::HealthState health(const Host& host) const;

  // An exchange with the host has ended. Hardly anything when it ended well, as mostly.
  void note_end(Host& host, policy::ExchangeEnd end, MonotonicTime now) {
    if (end == policy::ExchangeEnd::kAnswered && !host.failing) return;
    note_noteworthy_end(host, end, now);
  }
  // Hosts whose ejection is over are back. To be called before a host is chosen.
  void advance(MonotonicTime now) {
    if (now >= next_return_.load(std::memory_order_relaxed)) bring_back(now);
  }

  struct Status {
    policy::HealthState health = policy::HealthState::kUnknown;
    policy::OutlierEjection::Status ejection;
  };
  Status status(const Host& host) const;
  // Whether hosts are in rotation that are not healthy, as too few are.
  bool panicking() const { return panicking_; }

 private:
  struct State {
    explicit State(const policy::OutlierEjectionConfig& config) : ejections(config) {}
    std::shared_ptr<const Hosts> hosts = std::make_shared<const Hosts>();
    std::vector<policy::HostHealth> health; // by place
    // Of the first members, and not well yet since: all of them are new, and none has to catch up
    // with the others.
    std::vector<bool> founding;
    policy::OutlierEjection ejections;
  };

  void note_noteworthy_end(Host& host, policy::ExchangeEnd end, MonotonicTime now);
  void bring_back(MonotonicTime now);
  void turn(State& state, MonotonicTime now);

  const std::optional<policy::HealthThresholds> thresholds_;
  const Clock& clock_;
  std::atomic<std::uint64_t> version_ = 1;
  std::atomic<bool> panicking_ = false;
  std::atomic<MonotonicTime> next_return_{MonotonicTime::max()}; // of a host that is ejected
  Guarded<State> state_;
};

} // namespace raglan::balancer
