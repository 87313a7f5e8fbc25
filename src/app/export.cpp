// raglan export: the balancer's configuration as that of another program.
#include <CLI/App.hpp>

#include "app/balancer_options.h"
#include "balancer/kubernetes_url.h"
#include "base/control_characters.h"
#include "export/target.h"
#include "http/url.h"
#include "net/host_port.h"

namespace raglan::app {
namespace {

struct ExportOptions {
  BalancerOptions balancer;
  std::string target;
};

exporting::Fleet fleet_of(const Settings& settings) {
  const balancer::BalancerConfig& config = settings.balancer;
  const net::HostPort listen = *net::parse_host_port(config.listen); // checked when it was read
  exporting::Fleet fleet;
  fleet.listen = {.host = listen.host, .port = listen.port};
  fleet.strategy = config.strategy;
  for (const balancer::UpstreamConfig& upstream : settings.upstreams) {
    const http::Url url = *http::parse_url(upstream.url); // likewise
    using Scheme = exporting::Node::Scheme;
    fleet.nodes.push_back({.scheme = url.tls ? Scheme::kHttps : Scheme::kHttp,
                           .host = url.host,
                           .port = url.port,
                           .weight = upstream.weight});
  }
  const policy::HealthThresholds& thresholds = settings.health.thresholds;
  fleet.health = {.path = settings.health.path,
                  .timeout = settings.health.timeout,
                  .interval = settings.health.interval,
                  .failure_threshold = static_cast<std::uint32_t>(thresholds.failure_threshold),
                  .success_threshold = static_cast<std::uint32_t>(thresholds.success_threshold)};
  fleet.timeouts = {.connect = config.connect_timeout,
                    .response = config.response_timeout,
                    .idle = config.idle_timeout};
  fleet.max_body_bytes = config.limits.max_body_bytes;
  fleet.slow_start = config.slow_start.duration;
  fleet.max_attempts = balancer::kMaxAttempts;
  return fleet;
}

std::string names_of_targets() {
  std::string names;
  for (const exporting::NamedTarget& each : exporting::targets()) {
    names += names.empty() ? "" : ", ";
    names += each.name;
  }
  return names;
}

int run_export(const ExportOptions& options) {
  const auto target = exporting::target_from_name(options.target);
  if (!target) {
    fmt::print(stderr, "raglan export: there is no target \"{}\"; there are {}\n",
               escape_control_characters(options.target), names_of_targets());
    return kExitUsage;
  }
  Settings settings;
  if (!load_balancer_settings(settings, options.balancer, "export", Logging::kCommand)) {
    return kExitUsage;
  }
  if (!settings.routes.empty()) {
    fmt::print(stderr, "raglan export: [[balancer.route]] is left out: all requests go by {}\n",
               policy::strategy_name(settings.balancer.strategy));
  }
  for (const balancer::UpstreamConfig& upstream : settings.upstreams) {
    if (!balancer::is_kubernetes_url(upstream.url)) continue;
    fmt::print(stderr, "raglan export: {} is for `raglan balance` alone\n", upstream.url);
    return kExitUsage;
  }
  const auto text = exporting::render(*target, fleet_of(settings));
  if (!text) return report_error("export", text.error());
  fmt::print("{}", *text);
  return kExitDone;
}

} // namespace

void add_export(CLI::App& program, Run& run) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      program.add_subcommand("export", "the load balancer as a configuration of another program");
  command->add_option("target", options->target, names_of_targets())->required();
  add_balancer_options(*command, options->balancer);
  command->callback([options, &run] { run = [options] { return run_export(*options); }; });
}

} // namespace raglan::app
