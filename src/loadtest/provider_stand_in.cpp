#include "loadtest/provider_stand_in.h"

#include <mutex>
#include <optional>
#include <utility>

#include <boost/json/parse.hpp>

#include "base/json_text.h"
#include "http/error_table.h"
#include "http/server.h"
#include "net/offload.h"
#include "runtime/executor.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kLoops = 2;
constexpr std::size_t kWorkers = 2;
constexpr std::size_t kMaxQueued = 4096;
constexpr std::uint64_t kMaxBodyBytes = 64 << 20; // a full batch of embeddings fits

http::ServerConfig server_config() {
  http::ServerConfig config;
  config.limits.max_body_bytes = kMaxBodyBytes;
  config.max_bodies_bytes = 16 * kMaxBodyBytes;
  return config;
}

net::Submit submit_to(runtime::Executor& executor) {
  return [&executor](std::function<void()> work) { return executor.try_submit(std::move(work)); };
}

http::Response json_answer(const json::object& object) {
  return http::json_response(200, json_text(object) + "\n");
}

} // namespace

class ProviderStandIn::Servers {
 public:
  Servers(ProviderListen listen, const ProviderBehaviour& behaviour, const Clock& clock)
      : listen_(std::move(listen)), clock_(clock), calls_(behaviour, submit_to(workers_), clock) {
    calls_.add_routes(api_router_);
    add_control_routes(api_router_, false);
    add_control_routes(control_router_, true);
  }

  ~Servers() {
    changes_.stop();
    workers_.stop();
    api_.reset();
    control_.reset();
    loops_.stop();
  }

  Result<> start() {
    loops_.start();
    const bool refuses = calls_.behaviour().fault == ProviderFault::kRefuse;
    // Opened all the same, so that there is a port to refuse on.
    if (auto ok = serve(api_, api_router_, listen_.port); !ok) return ok;
    if (refuses) api_.reset();
    return serve(control_, control_router_, listen_.control_port);
  }

  Result<> set(ProviderBehaviour behaviour) {
    const std::lock_guard lock(set_mutex_);
    const bool refuses = behaviour.fault == ProviderFault::kRefuse;
    calls_.set_behaviour(std::move(behaviour));
    if (refuses) api_.reset();
    if (refuses || api_) return {};
    return serve(api_, api_router_, listen_.port);
  }

  std::string url_of(std::uint16_t port) const {
    return fmt::format("http://{}:{}", listen_.host, port);
  }
  std::string url() const { return url_of(listen_.port); }
  std::string control_url() const { return url_of(listen_.control_port); }
  ProviderCalls& calls() { return calls_; }

 private:
  // A server on `port`, which is then the one that was picked.
  Result<> serve(std::optional<http::Server>& server, const http::Router& router,
                 std::uint16_t& port) {
    auto listener = net::Listener::open({.host = listen_.host, .port = port});
    if (!listener) return forward_error(listener);
    if (port == 0) port = listener->port(); // before anybody may ask for it
    server.emplace(server_config(), loops_, router.handler());
    return server->listen(std::move(*listener));
  }

  void add_control_routes(http::Router& router, bool may_refuse) {
    router.add("GET", "/control", [this](http::Request&) -> net::Task<http::Response> {
      co_return json_answer(behaviour_json(calls_.behaviour()));
    });
    router.add("POST", "/control",
               [this, may_refuse](http::Request& request) { return change(request, may_refuse); });
    router.add("GET", "/control/stats", [this](http::Request&) -> net::Task<http::Response> {
      co_return json_answer(stats_json(calls_.stats()));
    });
    router.add("DELETE", "/control/stats", [this](http::Request&) -> net::Task<http::Response> {
      calls_.reset_stats();
      co_return json_answer(stats_json(calls_.stats()));
    });
  }

  Result<ProviderBehaviour> changed_by(std::string_view body, bool may_refuse) const {
    boost::system::error_code failure;
    const json::value value = json::parse(body, failure);
    if (failure || !value.is_object()) {
      return fail(ErrorCode::kMalformedRequest, "the body is not a JSON object");
    }
    auto settings = settings_of(value.get_object());
    if (!settings) return forward_error(settings);
    auto behaviour = with_settings(calls_.behaviour(), *settings);
    if (behaviour && behaviour->fault == ProviderFault::kRefuse && !may_refuse) {
      return fail(ErrorCode::kInvalidField, "refusing is switched at the control address", "fault");
    }
    return behaviour;
  }

  // Servers are made and destroyed on a thread that is not a loop's.
  net::Task<http::Response> change(http::Request& request, bool may_refuse) {
    auto behaviour = changed_by(request.body, may_refuse);
    if (!behaviour) co_return http::error_response(behaviour.error(), "");
    auto work = [this, wanted = std::move(*behaviour)]() -> Result<int> {
      if (auto ok = set(wanted); !ok) return forward_error(ok);
      return 0;
    };
    auto done = co_await net::offload(submit_to(changes_), std::move(work), Deadline(), clock_);
    if (!done) co_return http::error_response(done.error(), "");
    co_return json_answer(behaviour_json(calls_.behaviour()));
  }

  ProviderListen listen_; // with the ports that were picked
  const Clock& clock_;
  runtime::Executor workers_{{.name = "vectors", .threads = kWorkers, .max_queued = kMaxQueued}};
  runtime::Executor changes_{{.name = "control", .threads = 1, .max_queued = kMaxQueued}};
  ProviderCalls calls_;
  http::Router api_router_;
  http::Router control_router_;
  net::EventLoops loops_{{.threads = kLoops}};
  std::mutex set_mutex_; // one change at a time; guards api_
  std::optional<http::Server> api_;
  std::optional<http::Server> control_;
};

ProviderStandIn::ProviderStandIn(std::unique_ptr<Servers> servers) : servers_(std::move(servers)) {}
ProviderStandIn::~ProviderStandIn() = default;

Result<std::unique_ptr<ProviderStandIn>> ProviderStandIn::start(const ProviderListen& listen,
                                                                const ProviderBehaviour& behaviour,
                                                                const Clock& clock) {
  auto servers = std::make_unique<Servers>(listen, behaviour, clock);
  if (auto ok = servers->start(); !ok) return forward_error(ok);
  return std::unique_ptr<ProviderStandIn>(new ProviderStandIn(std::move(servers)));
}

std::string ProviderStandIn::url() const { return servers_->url(); }
std::string ProviderStandIn::control_url() const { return servers_->control_url(); }
ProviderBehaviour ProviderStandIn::behaviour() const { return servers_->calls().behaviour(); }
Result<> ProviderStandIn::set(ProviderBehaviour behaviour) {
  return servers_->set(std::move(behaviour));
}
ProviderStats ProviderStandIn::stats() const { return servers_->calls().stats(); }
void ProviderStandIn::reset_stats() { servers_->calls().reset_stats(); }

} // namespace raglan::loadtest
