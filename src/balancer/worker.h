// What the connections of one core share: its loop, its connections to the hosts, its timeouts.
//
// Thread safety: listen, start and stop belong to one thread, drain may be called from any;
// everything else is the loop's.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "balancer/access_log.h"
#include "balancer/config.h"
#include "balancer/downstream.h"
#include "balancer/fleet.h"
#include "balancer/host_choice.h"
#include "balancer/loop.h"
#include "balancer/own_answers.h"
#include "balancer/upstream.h"
#include "base/log_throttle.h"
#include "base/rng.h"
#include "net/network.h"

namespace raglan::balancer {

class Worker {
 public:
  struct Timeouts {
    explicit Timeouts(const BalancerConfig& config);
    TimeoutQueue header;
    TimeoutQueue idle;
    TimeoutQueue connect;
    TimeoutQueue response;
    TimeoutQueue tunnel;
    TimeoutQueue linger;
  };

  Worker(const BalancerConfig& config, const std::vector<RouteConfig>& routes, Fleet& fleet,
         OwnAnswers own, AccessLog* access_log, std::atomic<std::size_t>& connections,
         const Clock& clock);
  ~Worker();

  // Accepts from the descriptor, which it owns.
  bool listen(FileDescriptor listener);
  void start();
  void stop(); // and waits
  // Accepts nobody, and takes no request after those under way. Any thread.
  void drain();

  Loop& loop() { return loop_; }
  UpstreamPool& upstreams() { return upstreams_; }
  Timeouts& timeouts() { return timeouts_; }
  const http::RequestLimits& limits() const { return limits_; }
  // Of whoever parses at the moment.
  RequestHead& request_head() { return request_head_; }
  ResponseHead& response_head() { return response_head_; }

  HostChoice& choice() { return choice_; }
  Fleet& fleet() { return fleet_; }
  policy::RetryBudget& retry_budget() { return retry_budget_; }
  const OwnAnswers& own_answers() const { return own_; }
  const Clock& clock() const { return clock_; }
  AccessLog* access_log() { return access_log_; } // null: there is none
  // Of connections from trusted addresses.
  bool expects_proxy_header() const { return config_.proxy_protocol; }
  ClientAddress client_at(const sockaddr_storage& address) const;
  void remove(Downstream& downstream);

 private:
  class Acceptor final : public Loop::Watcher {
   public:
    Acceptor(Worker& worker, FileDescriptor listener)
        : worker_(worker),
          listener_(std::move(listener)),
          reserve_(::open("/dev/null", O_CLOEXEC)) {}
    void on_events(std::uint32_t events) override;
    int descriptor() const { return listener_.get(); }

   private:
    // Without a descriptor for it, who asks would be told of again and again: it is closed.
    void turn_away();

    Worker& worker_;
    FileDescriptor listener_;
    FileDescriptor reserve_; // given up for a moment to that end
    LogThrottle throttle_;
  };

  void accepted(FileDescriptor descriptor, const sockaddr_storage& client);

  const BalancerConfig& config_;
  http::RequestLimits limits_; // of the configuration, and of what can be passed on
  const Clock& clock_;
  Fleet& fleet_;
  Rng rng_;
  HostChoice choice_;
  policy::RetryBudget retry_budget_;
  std::vector<net::Network> trusted_;
  const OwnAnswers own_;
  AccessLog* const access_log_;
  Loop loop_;
  Timeouts timeouts_;
  UpstreamPool upstreams_{loop_};
  RequestHead request_head_;
  ResponseHead response_head_;
  std::unordered_map<Downstream*, std::unique_ptr<Downstream>> downstreams_;
  std::unique_ptr<Acceptor> acceptor_;
  std::atomic<std::size_t>& connections_; // of clients, of all loops
  std::thread thread_;
};

} // namespace raglan::balancer
