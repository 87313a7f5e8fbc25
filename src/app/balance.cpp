// raglan balance: a load balancer in front of nodes.
#include <csignal>
#include <thread>

#include <CLI/App.hpp>

#include "app/balancer_options.h"
#include "app/stop_request.h"
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
  Balancing(const Settings& settings, const sigset_t& stop_signals, const sigset_t& hangup)
      : settings_(settings), hangup_(hangup), stop_(stop_signals) {}
  ~Balancing() {
    health_.stop();
    members_.stop();
    resolver_.stop();
    loops_.stop();
  }

  int run(net::Listener listener) {
    loops_.start();
    if (auto ok = open_access_log(); !ok) return report_error("balance", ok.error());
    auto admin = net::Listener::open(listener_config(settings_.balancer.admin_listen));
    if (!admin) return report_error("balance", admin.error());
    if (!admin->is_loopback()) {
      return report_error("balance", {ErrorCode::kForbidden,
                                      "balancer.admin_listen must be loopback: what is there asks "
                                      "for no credentials",
                                      {}});
    }
    auto own_host = std::make_shared<balancer::Host>(address_of(*admin), 1);
    const bool is_public = !listener.is_loopback();
    balancer::Balancer balancer(settings_.balancer, settings_.routes, fleet_,
                                {.host = own_host, .health_only = is_public}, access_log_.get());
    balancer::add_admin_routes(router_,
                               {.fleet = fleet_,
                                .members = members_,
                                .metrics = metrics_,
                                .clock = SystemClock::instance(),
                                .draining = draining_,
                                .drain = [this] { stop_.request(); },
                                .connections = [&balancer] { return balancer.connections(); }});
    http::Server server({}, loops_, router_.handler());
    if (auto ok = server.listen(std::move(*admin)); !ok) return report_error("balance", ok.error());

    auto set = net::run_on(loops_.next(), members_.set(settings_.upstreams));
    if (!set) return report_error("balance", set.error());
    const auto loop = loops_.executor(0);
    net::detach(loop, members_.watch());
    net::detach(loop, host_metrics_.watch());
    if (settings_.health.enabled) net::detach(loop, health_.watch());

    const std::string url = fmt::format("http://{}:{}", listener.address(), listener.port());
    if (auto ok = balancer.listen(std::move(listener)); !ok) {
      return report_error("balance", ok.error());
    }
    fmt::print("listening on {}\n", url);
    if (is_public) fmt::print("/metrics and /admin on {}\n", own_host->address.name);
    std::fflush(stdout);

    stop_.wait();
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
  // Nothing outside of a cluster.
  std::unique_ptr<http::Client> kubernetes_client() {
    if (!access_) return nullptr;
    return std::make_unique<http::Client>(balancer::kubernetes_client_config(*access_), loops_);
  }
  Result<balancer::Members::Cluster> cluster() {
    if (!access_) return std::unexpected(access_.error());
    return balancer::Members::Cluster{*access_, *kubernetes_, SystemClock::instance()};
  }
  Result<> open_access_log() {
    const balancer::BalancerConfig& config = settings_.balancer;
    if (config.access_log == balancer::AccessLogFormat::kOff) return {};
    auto log = balancer::AccessLog::open(config.access_log, config.access_log_file);
    if (!log) {
      log.error().message = "balancer.access_log_file: " + log.error().message;
      return forward_error(log);
    }
    access_log_ = std::move(*log);
    dropped_lines_ = metrics_.callback(
        telemetry::MetricKind::kCounter, "raglan_balancer_access_log_dropped_total",
        "Lines of the access log that were not written.", {},
        [this] { return static_cast<double>(access_log_->dropped()); });
    on_hangup_.emplace(hangup_, [this](int) { reopen_access_log(); });
    return {};
  }
  void reopen_access_log() {
    const auto reopened = access_log_->reopen();
    if (reopened) return;
    log_error("the access log goes on as it was", {{"reason", explain(reopened.error())}});
  }

  const Settings& settings_;
  const sigset_t hangup_;
  StopRequest stop_;
  telemetry::MetricRegistry metrics_;
  balancer::Fleet fleet_{
      settings_.health.enabled ? std::optional(settings_.health.thresholds) : std::nullopt,
      settings_.balancer.ejection};
  http::Router router_;
  net::Resolver resolver_;
  Result<balancer::KubernetesAccess> access_ = balancer::in_cluster_access();
  net::EventLoops loops_{{.threads = 1}};
  http::Client client_{{}, loops_};
  std::unique_ptr<http::Client> kubernetes_ = kubernetes_client();
  balancer::Members members_{fleet_, resolver_, cluster()};
  balancer::HealthChecks health_{settings_.health, fleet_, client_, SystemClock::instance()};
  balancer::HostMetrics host_metrics_{metrics_, fleet_};
  std::unique_ptr<balancer::AccessLog> access_log_; // null: off
  telemetry::Registration dropped_lines_;
  std::optional<SignalThread> on_hangup_;
  std::atomic<bool> draining_ = false;
};

int balance(const BalancerOptions& options) {
  const sigset_t stop_signals = block_signals(kStopSignals);
  const sigset_t hangup = block_signals({SIGHUP}); // that would end the process
  net::raise_descriptor_limit();
  Settings settings;
  if (!load_balancer_settings(settings, options, "balance", Logging::kServer)) return kExitUsage;
  auto listener = net::Listener::open(listener_config(settings.balancer.listen));
  if (!listener) return report_error("balance", listener.error());
  return Balancing(settings, stop_signals, hangup).run(std::move(*listener));
}

} // namespace

void add_balance(CLI::App& program, Run& run) {
  auto options = std::make_shared<BalancerOptions>();
  CLI::App* command = program.add_subcommand("balance", "a load balancer in front of nodes");
  add_balancer_options(*command, *options);
  command->callback([options, &run] { run = [options] { return balance(*options); }; });
}

} // namespace raglan::app
