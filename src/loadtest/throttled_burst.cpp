// The notes, "External API throttling": a provider answers a burst of requests with 429. Whoever
// asks it directly is told so; a node's customers are not.
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "http/blocking_client.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kCustomers = 105;
constexpr std::chrono::milliseconds kLatency{3'000}; // so that all are under way at once
constexpr std::chrono::seconds kPatience{60};

const ProviderBehaviour kThrottles{.latency = kLatency, .error_every = 1, .error_status = 429};

std::vector<std::string> settings_of(const ProviderStandIn& provider) {
  std::vector<std::string> settings{"generation.provider=openai",
                                    fmt::format("generation.base_url={}/v1", provider.url()),
                                    "server.request_timeout=40s"};
  for (const std::string_view places :
       {"generation.max_connections", "admission.limit.initial_limit", "admission.max_computing"}) {
    settings.push_back(fmt::format("{}=128", places));
  }
  return settings;
}

// Refused, of so many who ask the provider itself at the same time.
double refused_directly(const ProviderStandIn& provider) {
  const json::object chat{{"model", "stand-in"},
                          {"messages", json::array{{{"role", "user"}, {"content", "Hello?"}}}}};
  http::BlockingClient client({.max_connections_per_host = kCustomers});
  std::atomic<int> refused = 0;
  run_on_threads(kCustomers, [&](std::size_t) {
    http::ClientRequest request{.method = "POST",
                                .url = provider.url() + "/v1/chat/completions",
                                .body = json::serialize(chat)};
    request.headers.set("content-type", "application/json");
    const auto reply = client.send(std::move(request), kPatience);
    refused += reply && reply->status == 200 ? 0 : 1;
  });
  return refused;
}

struct Burst {
  double refused = 0;
  double written = 0; // answered by the model, once it answered
};

// The provider is well again as soon as it has refused them all.
Result<Burst> ask_node(ProviderStandIn& provider, MeasuredNode& node, const std::string& question) {
  std::atomic<int> refused = 0;
  std::atomic<int> written = 0;
  provider.reset_stats();
  std::jthread mender([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && provider.stats().failed < kCustomers) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    (void)provider.set({}); // its port is open: it cannot fail
  });
  run_on_threads(kCustomers, [&](std::size_t customer) {
    const json::object body{{"query", fmt::format("{} ({})", question, customer)}};
    const auto reply = node.call("POST", "/v1/query", body);
    refused += reply ? 0 : 1;
    written += reply && reply->at("degraded").at("level").to_number<int>() == 0 ? 1 : 0;
  });
  const auto failed = provider.stats().failed;
  if (failed < kCustomers) {
    return fail(ErrorCode::kInternal, fmt::format("the provider refused only {} calls", failed));
  }
  return Burst{static_cast<double>(refused), static_cast<double>(written)};
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, kFewestQuestions);
  if (!questions) return forward_error(questions);
  auto provider = ProviderStandIn::start({}, kThrottles);
  if (!provider) return forward_error(provider);
  const double off = refused_directly(**provider);
  auto node = rig.start_node(settings_of(**provider));
  if (!node) return forward_error(node);
  auto on = ask_node(**provider, **node, questions->front());
  if (!on) return forward_error(on);
  Outcome outcome{.off_is = "the provider is asked directly",
                  .on_is = "the node is asked",
                  .off = Figure::exactly(off),
                  .on = Figure::exactly(on->refused),
                  .unit = "refused"};
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = outcome.on.median;
  outcome.notes = fmt::format(
      "{} customers at a time, each with another question; the stand-in answers each call 429, and "
      "is well once it has refused them all. {} then had the model's answer, the others the "
      "passages.",
      kCustomers, on->written);
  return outcome;
}

} // namespace

Claim throttled_burst() {
  return {.id = "throttling.burst",
          .text = "External throttling: of a burst of 105 provider 429s no customer sees one",
          .promise = {.max = 0, .unit = "refused"},
          .measure = measure};
}

} // namespace raglan::loadtest
