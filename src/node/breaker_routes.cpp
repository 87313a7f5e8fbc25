#include "node/breaker_routes.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;

void add_breaker_routes(http::Router& router, const BreakerBoard& board) {
  auto look = [&board](http::Request&) -> net::Task<http::Response> {
    json::array breakers;
    for (const auto& [upstream, status] : board.all()) {
      breakers.push_back({{"upstream", upstream},
                          {"state", policy::breaker_state_name(status.state)},
                          {"consecutive_failures", status.consecutive_failures},
                          {"probes", status.probes},
                          {"refused", status.refused},
                          {"transitions", status.transitions},
                          {"generation", status.generation},
                          {"next_probe_ms", to_milliseconds(status.time_to_next_probe)}});
    }
    const json::object body{{"breakers", std::move(breakers)}};
    co_return http::json_response(200, json_text(body));
  };
  router.add("GET", "/admin/breakers", with_parameters({}, std::move(look)));
}

} // namespace raglan::node
