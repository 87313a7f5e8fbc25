#include "node/node.h"

#include <algorithm>

#include "http/browser_guard.h"
#include "node/identity_scope.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace {

// Probes come once a second or less, and their results are shared.
constexpr std::size_t kMaxQueuedChecks = 16;

net::Task<http::Response> refuse_while_starting(http::Request& request) {
  http::Response response =
      error_reply({ErrorCode::kUnavailable, "the node is starting", {}}, request);
  response.headers.add(http::kNotReadyHeader, "starting");
  co_return response;
}

} // namespace

Node::Node(telemetry::MetricRegistry& metrics, NodeConfig config, const Clock& clock)
    : clock_(clock),
      hosts_(config.hosts),
      request_metrics_(metrics),
      checks_({"checks", 1, kMaxQueuedChecks}),
      readiness_(
          all_checks(std::move(config)),
          [this](std::function<void()> work) { return checks_.try_submit(std::move(work)); },
          clock) {
  add_health_routes(router_, readiness_, load_);
  add_drain_route(
      router_, [this](const http::Request& request) { return keep_pages_out(request); },
      [this] {
        drain();
        return begin_drain_();
      });
  add_metrics_route(router_, metrics);
  router_.set_fallback([this](http::Request& request) { return forward(request); });
}

Node::~Node() { stop(); }

std::vector<Check> Node::all_checks(NodeConfig config) {
  const auto check = [this](std::string name, bool required, Result<> (Service::*member)() const) {
    auto run = [this, member]() -> Result<> {
      const Loaded* loaded = loaded_.load();
      if (loaded == nullptr) return fail(ErrorCode::kUnavailable, "not loaded yet");
      return (loaded->service.*member)();
    };
    return Check{std::move(name), required, std::move(run)};
  };
  std::vector<Check> checks = std::move(config.checks);
  checks.push_back(check("store", true, &Service::check_store));
  checks.push_back(check("embedder", !config.shared_embedder, &Service::check_embedder));
  const std::vector<std::string>& require = config.readiness.require;
  if (require.empty()) return checks;
  for (Check& each : checks) {
    each.required = std::ranges::find(require, each.name) != require.end();
  }
  return checks;
}

http::Handler Node::handler() {
  http::Handler handler = router_.handler();
  if (authenticator_ != nullptr) {
    handler = with_identity(std::move(handler), *authenticator_, clock_);
  }
  return with_request_id(with_load(std::move(handler), load_), clock_);
}

http::ServerHooks Node::hooks() {
  return {[this](const http::CompletedRequest& done) { request_metrics_.observe(done); }};
}

void Node::start(const Service& service) {
  loaded_owner_ = std::make_unique<const Loaded>(service, service.handler());
  loaded_.store(loaded_owner_.get());
  readiness_.mark_started();
}

Result<> Node::keep_pages_out(const http::Request& request) const {
  // Where there are credentials no page has those of its reader.
  if (authenticator_ != nullptr) return {};
  return http::check_browser(request, hosts_);
}

net::Task<http::Response> Node::forward(http::Request& request) {
  if (auto ok = keep_pages_out(request); !ok) return refuse(request, ok.error());
  const Loaded* loaded = loaded_.load();
  if (loaded == nullptr) {
    return refuse_while_starting(request);
  }
  return loaded->handler(request);
}

} // namespace raglan::node
