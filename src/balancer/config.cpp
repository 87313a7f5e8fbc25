#include "balancer/config.h"

#include <algorithm>

#include "balancer/kubernetes_url.h"
#include "http/url.h"
#include "net/host_port.h"
#include "net/network.h"

namespace raglan::balancer {

using std::chrono::hours;
using std::chrono::milliseconds;

namespace {

std::vector<config::Named<policy::Strategy>> strategies() {
  std::vector<config::Named<policy::Strategy>> names;
  for (int i = 0; i <= static_cast<int>(policy::Strategy::kAffinity); ++i) {
    const auto strategy = static_cast<policy::Strategy>(i);
    names.push_back({policy::strategy_name(strategy), strategy});
  }
  return names;
}

bool is_upstream(const std::string& text) {
  if (is_kubernetes_url(text)) return parse_kubernetes_url(text).has_value();
  const auto url = http::parse_url(text);
  return url && !url->tls && url->target == "/";
}

} // namespace

void describe(config::Table<BalancerConfig>& table) {
  using C = BalancerConfig;
  const auto is_host_port = [](const std::string& text) {
    return net::parse_host_port(text).has_value();
  };
  table.field("listen", &C::listen, "address and port; port 0 picks a free one")
      .must("be HOST:PORT", is_host_port);
  table
      .field("admin_listen", &C::admin_listen,
             "where /metrics and /admin are answered; on `listen` as well when that is loopback")
      .must("be HOST:PORT", is_host_port);
  table.choice("strategy", &C::strategy, "which node a request goes to (docs/balancer.md)",
               strategies());
  table
      .field(
          "trusted_proxies", &C::trusted_proxies,
          "networks of proxies in front whose x-forwarded-for and x-forwarded-proto are passed on; "
          "what others say of that is left out")
      .must("be addresses, or prefixes as 10.0.0.0/8", [](const std::vector<std::string>& texts) {
        return std::ranges::all_of(
            texts, [](const std::string& text) { return net::Network::parse(text).has_value(); });
      });
  table.field(
      "proxy_protocol", &C::proxy_protocol,
      "connections of `trusted_proxies` begin with a PROXY header, of version 1 or 2, which "
      "says who the client is");
  table.choice("access_log", &C::access_log, "a line for each request",
               {{"off", AccessLogFormat::kOff},
                {"json", AccessLogFormat::kJson},
                {"combined", AccessLogFormat::kCombined}});
  table.field("access_log_file", &C::access_log_file,
              "where to; opened anew on SIGHUP; empty: standard output");
  table.field("threads", &C::threads, "event loops; 0 means one per core").max(256);
  table
      .field("max_connections", &C::max_connections,
             "open client connections; one more is answered 503 and closed")
      .min(1)
      .max(1'000'000);
  const auto timeout = [&](std::string_view key, milliseconds C::* member,
                           std::string_view meaning) {
    table.field(key, member, meaning).min(milliseconds(10)).max(hours(24));
  };
  timeout("header_timeout", &C::header_timeout,
          "from a request's first byte to the end of its header");
  timeout("idle_timeout", &C::idle_timeout, "between two requests of a client's connection");
  timeout("connect_timeout", &C::connect_timeout, "for a node to take a connection");
  timeout("response_timeout", &C::response_timeout,
          "without a byte of request or answer on its way");
  timeout("tunnel_timeout", &C::tunnel_timeout, "without a byte on a connection that was upgraded");
  timeout("linger_timeout", &C::linger_timeout, "for a client to read why it was refused");
  timeout("drain_timeout", &C::drain_timeout, "how long requests may go on after SIGTERM");
}

void describe(config::Table<UpstreamConfig>& table) {
  table.field("url", &UpstreamConfig::url, "of a node, or of the nodes of a Kubernetes Service")
      .must("be http://HOST[:PORT] or kubernetes://NAMESPACE/SERVICE:PORT", is_upstream);
  table.field("weight", &UpstreamConfig::weight, "its share of the requests, beside the others'")
      .min(1)
      .max(1000);
}

void describe(config::Table<RouteConfig>& table) {
  table.field("path", &RouteConfig::path, "of the requests, and all below it")
      .must("begin with /", [](const std::string& path) { return path.starts_with('/'); });
  table.choice("strategy", &RouteConfig::strategy, "which node they go to", strategies());
}

void describe(config::Table<HealthConfig>& table) {
  using C = HealthConfig;
  table.field("enabled", &C::enabled, "whether nodes are asked how they are");
  table.field("path", &C::path, "what they are asked; 200 means well")
      .must("begin with /", [](const std::string& path) { return path.starts_with('/'); });
  table.field("timeout", &C::timeout, "for an answer").min(milliseconds(10)).max(hours(1));
  table.field("interval", &C::interval, "between two checks").min(milliseconds(10)).max(hours(1));
}

} // namespace raglan::balancer
