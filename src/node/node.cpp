#include "node/node.h"

#include "node/browser_guard.h"
#include "node/health_routes.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace {

// Probes come once a second or less, and their results are shared.
constexpr std::size_t kMaxQueuedChecks = 16;

} // namespace

Node::Node(telemetry::MetricRegistry& metrics, std::vector<std::string> hosts,
           std::vector<Check> checks, bool embedder_required, const Clock& clock)
    : clock_(clock),
      hosts_(std::move(hosts)),
      request_metrics_(metrics),
      checks_({"checks", 1, kMaxQueuedChecks}),
      readiness_(
          with_service(std::move(checks), embedder_required),
          [this](std::function<void()> work) { return checks_.try_submit(std::move(work)); },
          clock) {
  add_health_routes(router_, readiness_);
  add_metrics_route(router_, metrics);
  router_.set_fallback([this](http::Request& request) { return forward(request); });
}

Node::~Node() { stop(); }

std::vector<Check> Node::with_service(std::vector<Check> checks, bool embedder_required) {
  const auto check = [this](std::string name, bool required, Result<> (Service::*member)() const) {
    auto run = [this, member]() -> Result<> {
      const Loaded* loaded = loaded_.load();
      if (loaded == nullptr) return fail(ErrorCode::kUnavailable, "not loaded yet");
      return (loaded->service.*member)();
    };
    return Check{std::move(name), required, std::move(run)};
  };
  checks.push_back(check("store", true, &Service::check_store));
  checks.push_back(check("embedder", embedder_required, &Service::check_embedder));
  return checks;
}

http::Handler Node::handler() { return with_request_id(router_.handler(), clock_); }

http::ServerHooks Node::hooks() {
  return {[this](const http::CompletedRequest& done) { request_metrics_.observe(done); }};
}

void Node::start(const Service& service) {
  loaded_owner_ = std::make_unique<const Loaded>(service, service.handler());
  loaded_.store(loaded_owner_.get());
  readiness_.mark_started();
}

net::Task<http::Response> Node::forward(http::Request& request) {
  if (auto ok = check_browser(request, hosts_); !ok) return refuse(request, ok.error());
  const Loaded* loaded = loaded_.load();
  if (loaded == nullptr) {
    return refuse(request, {ErrorCode::kUnavailable, "the node is starting", ""});
  }
  return loaded->handler(request);
}

} // namespace raglan::node
