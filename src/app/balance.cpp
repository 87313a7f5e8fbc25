// raglan balance: a load balancer in front of nodes.
#include <csignal>
#include <thread>

#include <CLI/App.hpp>

#include "app/balancer_options.h"
#include "app/stop_signals.h"
#include "balancer/admin_routes.h"
#include "balancer/balancer.h"
#include "balancer/health_checks.h"
#include "balancer/host_metrics.h"
#include "balancer/members.h"
#include "http/server.h"
#include "net/descriptor_limit.h"
#include "net/detach.h"
#include "net/host_port.h"

namespace raglan::app {
namespace {

net::ListenerConfig listener_config(const std::string& text) {
  const net::HostPort address = *net::parse_host_port(text); // checked when it was read
  return {.host = address.host, .port = address.port};
}

balancer::HostAddress address_of(const net::Listener& listener) {
  balancer::HostAddress address{fmt::format("{}:{}", listener.address(), listener.port()), {}, 0};
  address.address_bytes = sizeof address.address;
  ::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address.address),
                &address.address_bytes);
  return address;
}

// From listening to drained.
class Balancing {
 public:
  explicit Balancing(const Settings& settings) : settings_(settings) {}
  ~Balancing() {
    health_.stop();
    members_.stop();
    resolver_.stop();
    loops_.stop();
  }

  int run(net::Listener listener, const sigset_t& stop_signals) {
    loops_.start();
    auto admin = net::Listener::open(listener_config(settings_.balancer.admin_listen));
    if (!admin) return report_error("balance", admin.error());
    if (!admin->is_loopback()) {
      return report_error("balance", {ErrorCode::kForbidden,
                                      "balancer.admin_listen must be loopback: what is there asks "
                                      "for no credentials",
                                      {}});
    }
    auto own_host = std::make_shared<balancer::Host>(address_of(*admin), 1);
    balancer::add_admin_routes(router_, {.fleet = fleet_,
                                         .members = members_,
                                         .metrics = metrics_,
                                         .clock = SystemClock::instance(),
                                         .draining = draining_});
    http::Server server({}, loops_, router_.handler());
    if (auto ok = server.listen(std::move(*admin)); !ok) return report_error("balance", ok.error());

    auto set = net::run_on(loops_.next(), members_.set(settings_.upstreams));
    if (!set) return report_error("balance", set.error());
    const auto loop = loops_.executor(0);
    net::detach(loop, members_.watch());
    net::detach(loop, host_metrics_.watch());
    if (settings_.health.enabled) net::detach(loop, health_.watch());

    const bool is_public = !listener.is_loopback();
    balancer::Balancer balancer(settings_.balancer, settings_.routes, fleet_,
                                {.host = own_host, .health_only = is_public});
    const std::string url = fmt::format("http://{}:{}", listener.address(), listener.port());
    if (auto ok = balancer.listen(std::move(listener)); !ok) {
      return report_error("balance", ok.error());
    }
    fmt::print("listening on {}\n", url);
    if (is_public) fmt::print("/metrics and /admin on {}\n", own_host->address.name);
    std::fflush(stdout);

    int signal = 0;
    sigwait(&stop_signals, &signal);
    unblock(stop_signals);
    draining_ = true;
    log_info("draining", {{"connections", balancer.connections()}});
    const auto now = SystemClock::instance().now();
    if (!balancer.drain(Deadline::after(settings_.balancer.drain_timeout, now))) {
      log_warning("requests were cut off at the end of the drain timeout");
    }
    log_info("stopped");
    return kExitDone;
  }

 private:
  const Settings& settings_;
  telemetry::MetricRegistry metrics_;
  balancer::Fleet fleet_{
      settings_.health.enabled ? std::optional(settings_.health.thresholds) : std::nullopt,
      settings_.balancer.ejection};
  http::Router router_;
  net::Resolver resolver_;
  balancer::Members members_{fleet_, resolver_};
  net::EventLoops loops_{{.threads = 1}}; // after what its coroutines use
  http::Client client_{{}, loops_};
  balancer::HealthChecks health_{settings_.health, fleet_, client_, SystemClock::instance()};
  balancer::HostMetrics host_metrics_{metrics_, fleet_};
  std::atomic<bool> draining_ = false;
};

int balance(const BalancerOptions& options) {
  const sigset_t stop_signals = block_stop_signals();
  net::raise_descriptor_limit();
  Settings settings;
  if (!load_balancer_settings(settings, options, "balance", Logging::kServer)) return kExitUsage;
  auto listener = net::Listener::open(listener_config(settings.balancer.listen));
  if (!listener) return report_error("balance", listener.error());
  return Balancing(settings).run(std::move(*listener), stop_signals);
}

} // namespace

void add_balance(CLI::App& program, Run& run) {
  auto options = std::make_shared<BalancerOptions>();
  CLI::App* command = program.add_subcommand("balance", "a load balancer in front of nodes");
  add_balancer_options(*command, *options);
  command->callback([options, &run] { run = [options] { return balance(*options); }; });
}

} // namespace raglan::app
