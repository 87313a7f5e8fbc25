// The notes, "Query Result Caching": 10-100x speedup for repeated queries. Our own bound is 100x
// with a language model that takes a second: the provider stand-in, in this process.
#include <fmt/format.h>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

constexpr std::chrono::seconds kModelLatency{1};

Result<Outcome> measure_node(Rig& rig, std::size_t most, const std::vector<std::string>& settings,
                             std::string_view answers) {
  auto questions = some_questions(rig, most);
  if (!questions) return forward_error(questions);
  auto node = rig.start_node(settings);
  if (!node) return forward_error(node);
  if (auto filled = ask_each(**node, *questions, {}); !filled) return forward_error(filled);
  const int repetitions = rig.choose(2, 3);
  std::vector<double> off;
  std::vector<double> on;
  std::vector<double> hits;
  for (int i = 0; i < repetitions; ++i) {
    std::vector<double> uncached;
    std::vector<double> cached;
    for (const std::string& question : *questions) {
      auto bypass = (*node)->ask(question, {{"cache", "bypass"}});
      if (!bypass) return forward_error(bypass);
      auto hit = (*node)->ask(question);
      if (!hit) return forward_error(hit);
      if (hit->cache_status != "hit") {
        return fail(ErrorCode::kInternal, fmt::format("not a hit but {}", hit->cache_status));
      }
      uncached.push_back(bypass->milliseconds);
      cached.push_back(hit->milliseconds);
    }
    off.push_back(median(uncached));
    on.push_back(median(cached));
    hits.insert(hits.end(), cached.begin(), cached.end());
  }
  Outcome outcome{.off_is = "cache: bypass",
                  .on_is = "the same questions from the query cache",
                  .off = Figure::of(off),
                  .on = Figure::of(on),
                  .unit = "ms p50"};
  outcome.ratio = outcome.judged = outcome.off.median / outcome.on.median;
  outcome.notes = fmt::format(
      "{} distinct questions, each asked both ways in turn, {} times; one client; {}. p99 of the "
      "hits: {} ms.",
      questions->size(), repetitions, answers, figure_text(quantile(hits, 0.99)));
  return outcome;
}

Result<Outcome> measure_extractive(Rig& rig) {
  return measure_node(rig, rig.choose(15, 40), {}, "extractive answers, no language model");
}

Result<Outcome> measure_generated(Rig& rig) {
  auto provider = ProviderStandIn::start({}, {.latency = kModelLatency});
  if (!provider) return forward_error(provider);
  const std::vector<std::string> settings{
      "generation.provider=openai", fmt::format("generation.base_url={}/v1", (*provider)->url())};
  return measure_node(rig, rig.choose(8, 15), settings,
                      "answers by a stand-in of a language model's API that takes 1 s");
}

} // namespace

Claim query_cache_latency() {
  return {.id = "cache.query.latency",
          .text = "Query result caching: repeated queries are answered 10 to 100 times as fast",
          .promise = {.min = 10, .max = 100, .unit = "x"},
          .measure = measure_extractive};
}

Claim query_cache_generated() {
  return {.id = "cache.query.generated",
          .text =
              "Query result caching: answers that a language model takes 1 s for are repeated 100 "
              "times as fast",
          .promise = {.min = 100, .unit = "x"},
          .measure = measure_generated};
}

} // namespace raglan::loadtest
