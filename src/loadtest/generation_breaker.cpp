// The notes, "Circuit Breaker": fail fast while a dependency is down. Our own bound is that a dead
// language model costs less than 1 ms a question once its breaker is open: the provider stand-in,
// which hangs.
#include <fmt/format.h>

#include <boost/json/object.hpp>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kFailures = 5; // that open the breaker: its default
constexpr std::string_view kNoBreaker = "generation.breaker.failure_threshold=1000000";

// What the model's stage cost each question, in milliseconds. Every reply must be the passages.
Result<std::vector<double>> stage_times(MeasuredNode& node, std::span<const std::string> questions,
                                        std::size_t count) {
  std::vector<double> times;
  while (times.size() < count) {
    const json::object body{{"query", questions[times.size() % questions.size()]}};
    auto reply = node.call("POST", "/v1/query", body);
    if (!reply) return forward_error(reply);
    if (reply->at("degraded").at("level").to_number<int>() != 2) {
      return fail(ErrorCode::kInternal, "a reply was not the passages at level 2");
    }
    times.push_back(reply->at("timings_ms").at("generate").to_number<double>());
  }
  return times;
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, 20);
  if (!questions) return forward_error(questions);
  auto provider = ProviderStandIn::start({}, {.fault = ProviderFault::kHang});
  if (!provider) return forward_error(provider);
  std::vector<std::string> settings{"generation.provider=openai",
                                    fmt::format("generation.base_url={}/v1", (*provider)->url()),
                                    "generation.stall_timeout=1s", "generation.retry.retry_ratio=0",
                                    "generation.retry.min_retries=0"};
  auto with_breaker = rig.start_node(settings);
  if (!with_breaker) return forward_error(with_breaker);
  auto failures = stage_times(**with_breaker, *questions, kFailures);
  if (!failures) return forward_error(failures);
  auto on = stage_times(**with_breaker, *questions, rig.choose<std::size_t>(50, 500));
  if (!on) return forward_error(on);
  settings.emplace_back(kNoBreaker);
  auto without = rig.start_node(settings);
  if (!without) return forward_error(without);
  auto off = stage_times(**without, *questions, rig.choose<std::size_t>(kFailures + 1, 20));
  if (!off) return forward_error(off);
  Outcome outcome{.off_is = "no breaker: each question waits for the timeout",
                  .on_is = "the breaker is open",
                  .off = Figure::of(*off),
                  .on = Figure::of(*on),
                  .unit = "ms p50"};
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = outcome.on.median;
  outcome.notes = fmt::format(
      "What the model's stage costs a question while a stand-in of a provider hangs, with a "
      "timeout "
      "of 1 s, after the {} failures that open the breaker; all {} replies are the passages, at "
      "level 2. p99 with the breaker: {} ms.",
      kFailures, failures->size() + on->size() + off->size(), figure_text(quantile(*on, 0.99)));
  return outcome;
}

} // namespace

Claim generation_breaker() {
  return {.id = "generation.breaker",
          .text = "Circuit breaker: a dead language model costs a question less than 1 ms",
          .promise = {.max = 1, .unit = "ms"},
          .measure = measure};
}

} // namespace raglan::loadtest
