// The settings of `raglan balance`, under [balancer].
//
// Thread safety: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "balancer/access_line.h"
#include "config/table.h"
#include "http/request_parser.h"
#include "policy/host_health.h"
#include "policy/load_balancing.h"
#include "policy/outlier_ejection.h"
#include "policy/retry_budget.h"
#include "policy/slow_start.h"

namespace raglan::balancer {

inline constexpr std::size_t kMaxUpstreams = 256;
inline constexpr std::size_t kMaxRoutes = 32;
// Hosts that a request is given to, one after the other.
inline constexpr std::size_t kMaxAttempts = 3;

struct BalancerConfig {
  std::string listen = "127.0.0.1:8000";
  std::string admin_listen = "127.0.0.1:0";
  policy::Strategy strategy = policy::Strategy::kRoundRobin;
  std::size_t threads = 0;                  // 0: one per core
  std::vector<std::string> trusted_proxies; // networks (net/network.h)
  bool proxy_protocol = false;
  AccessLogFormat access_log = AccessLogFormat::kOff;
  std::string access_log_file;
  std::size_t max_connections = 10'000;
  std::chrono::milliseconds header_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds response_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds tunnel_timeout = std::chrono::hours(1);
  std::chrono::milliseconds linger_timeout = std::chrono::seconds(2);
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(30);
  http::RequestLimits limits;             // a section of its own
  policy::SlowStartConfig slow_start;     // likewise
  policy::RetryBudgetConfig retry_budget; // likewise
  policy::OutlierEjectionConfig ejection; // likewise
};
void describe(config::Table<BalancerConfig>& table);

// [[balancer.upstream]]
struct UpstreamConfig {
  std::string url; // http://HOST:PORT, or kubernetes://NAMESPACE/SERVICE:PORT
  std::uint32_t weight = 1;
};
void describe(config::Table<UpstreamConfig>& table);

// [[balancer.route]]: the strategy of the requests below a path; the longest path that fits counts.
struct RouteConfig {
  std::string path;
  policy::Strategy strategy = policy::Strategy::kRoundRobin;
};
void describe(config::Table<RouteConfig>& table);

// [balancer.health]
struct HealthConfig {
  bool enabled = true;
  std::string path = "/ready";
  std::chrono::milliseconds timeout = std::chrono::seconds(5);
  std::chrono::milliseconds interval = std::chrono::seconds(10);
  policy::HealthThresholds thresholds; // a table of its own
};
void describe(config::Table<HealthConfig>& table);

} // namespace raglan::balancer
