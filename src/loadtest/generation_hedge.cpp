// Beyond the notes: a call of the language model that hangs by chance is made a second time. What
// that saves, and what it costs.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kClients = 8;
constexpr double kMostExtra = 2;       // percent: generation.hedge.max_ratio
constexpr std::size_t kSlowEvery = 64; // fewer than the 2 % that may be hedged
const ProviderBehaviour kBehaviour{
    .latency = milliseconds(50), .slow_every = kSlowEvery, .slow_latency = milliseconds(2'000)};

struct Tail {
  double p99 = 0;   // ms
  double extra = 0; // calls beyond one for each question, in percent
};

Result<Tail> ask(Rig& rig, std::span<const std::string> questions, bool hedged) {
  auto provider = ProviderStandIn::start({}, kBehaviour);
  if (!provider) return forward_error(provider);
  auto node = rig.start_node({"generation.provider=openai",
                              fmt::format("generation.base_url={}/v1", (*provider)->url()),
                              fmt::format("generation.hedge.enabled={}", hedged)});
  if (!node) return forward_error(node);
  const std::size_t count = rig.choose<std::size_t>(600, 3'000);
  std::vector<double> times(count);
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> failed = 0;
  run_on_threads(kClients, [&](std::size_t) {
    for (std::size_t number = next++; number < count; number = next++) {
      auto asked = (*node)->ask(questions[number % questions.size()], {{"cache", "bypass"}});
      if (asked) times[number] = asked->milliseconds;
      failed += asked ? 0 : 1;
    }
  });
  if (failed > 0)
    return fail(ErrorCode::kUpstream, fmt::format("{} questions failed", failed.load()));
  const auto calls = static_cast<double>((*provider)->stats().calls.at("/v1/chat/completions"));
  const auto asked = static_cast<double>(count);
  return Tail{quantile(times, 0.99), 100 * (calls - asked) / asked};
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, 100);
  if (!questions) return forward_error(questions);
  auto off = ask(rig, *questions, false);
  if (!off) return forward_error(off);
  auto on = ask(rig, *questions, true);
  if (!on) return forward_error(on);
  if (on->extra > kMostExtra) {
    return fail(ErrorCode::kInternal, fmt::format("{:.2f} % of the calls were extra", on->extra));
  }
  Outcome outcome{.off_is = "each call is made once",
                  .on_is = "what takes unusually long is made twice",
                  .off = Figure::exactly(off->p99),
                  .on = Figure::exactly(on->p99),
                  .unit = "ms p99"};
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = outcome.ratio;
  outcome.notes = fmt::format(
      "{} clients at a time, no cache; a stand-in that answers in {} ms, and every {}th call in {} "
      "ms. Calls more than there were questions: {:.2f} %.",
      kClients, kBehaviour.latency.count(), kSlowEvery, kBehaviour.slow_latency.count(), on->extra);
  return outcome;
}

} // namespace

Claim generation_hedge() {
  return {.id = "generation.hedge",
          .text = "Hedging: calls that hang by chance do not make the tail, for 2 % more calls",
          .promise = {.min = 3, .unit = "x"},
          .measure = measure};
}

} // namespace raglan::loadtest
