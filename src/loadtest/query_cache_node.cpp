// A check of query_cache_zipf.cpp: a real node under a smaller trace saves what the cache's code
// saves by itself under the same trace, with the same keys and entries of the same sizes.
#include <fmt/format.h>

#include <cmath>

#include "cache/local_cache.h"
#include "loadtest/cache_trial.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"
#include "loadtest/zipf.h"

namespace raglan::loadtest {
namespace {

constexpr double kExponent = 1.0;
constexpr std::size_t kFewest = 50;

// Passages alone: a tenth of the time of whole answers, and cached just the same.
const boost::json::object kFields{{"mode", "retrieve"}};

// The keys and sizes of the questions' entries, as a node with room for all of them has them.
Result<std::vector<CachedThing>> entries_of(Rig& rig, std::span<const std::string> questions) {
  auto node = rig.start_node();
  if (!node) return forward_error(node);
  std::vector<CachedThing> things;
  std::size_t before_bytes = 0;
  for (const std::string& question : questions) {
    auto asked = (*node)->ask(question, kFields);
    if (!asked) return forward_error(asked);
    const auto key = Hash128::from_hex(asked->key);
    auto entries = cache_entries(**node, "query");
    if (!entries) return forward_error(entries);
    if (!key) return fail(ErrorCode::kUpstream, "a reply did not say its key");
    things.push_back({*key, entries->bytes - before_bytes});
    before_bytes = entries->bytes;
  }
  return things;
}

Result<Outcome> measure(Rig& rig) {
  const auto questions = rig.questions(rig.choose(100, 300));
  if (questions.size() < kFewest) {
    return fail(ErrorCode::kUnavailable, "the documents give too few questions");
  }
  auto things = entries_of(rig, questions);
  if (!things) return forward_error(things);
  std::size_t all_bytes = 0;
  for (const CachedThing& thing : *things) all_bytes += thing.bytes;
  const auto trace = zipf_trace(questions.size(), kExponent, rig.choose(1'000, 4'000), rig.seed());
  const CacheTrial trial{.eviction = cache::LocalCacheConfig().eviction,
                         .max_bytes = all_bytes / 5};
  auto node =
      rig.start_node({fmt::format("cache.query.max_bytes={}", trial.max_bytes),
                      fmt::format("cache.query.eviction={}", cache::eviction_name(trial.eviction)),
                      "cache.retrieval.enabled=false"});
  if (!node) return forward_error(node);
  auto before = work_so_far(**node);
  if (!before) return forward_error(before);
  for (const std::size_t question : trace) {
    auto asked = (*node)->ask(questions[question], kFields);
    if (!asked) return forward_error(asked);
  }
  auto after = work_so_far(**node);
  if (!after) return forward_error(after);
  const NodeWork done = *after - *before;
  const auto requests = static_cast<double>(trace.size());
  Outcome outcome{.off_is = "the cache's code in this process",
                  .on_is = "a node under the same trace, by its own counters",
                  .off = Figure::exactly(100 * hit_ratio(*things, trace, trial)),
                  .on = Figure::exactly(100 * (1 - done.searches / requests)),
                  .unit = "% saved"};
  outcome.ratio = outcome.on.median / outcome.off.median;
  outcome.judged = std::abs(outcome.on.median - outcome.off.median);
  outcome.notes = fmt::format(
      "{} distinct questions, exponent {:.1f}, {} requests one after the other, eviction {}, {} "
      "bytes: a fifth of all entries. The node made {} searches and {} calls of the model. A "
      "perfect static cache: {:.1f} %.",
      questions.size(), kExponent, trace.size(), cache::eviction_name(trial.eviction),
      trial.max_bytes, done.searches, done.embedding_calls,
      100 * ZipfSampler(questions.size(), kExponent).share_of_first(questions.size() / 5));
  return outcome;
}

} // namespace

Claim query_cache_node() {
  return {.id = "cache.query.zipf_node",
          .text = "A node saves the calls that cache.query.zipf computes for it",
          .promise = {.max = 1, .unit = "points apart"},
          .measure = measure};
}

} // namespace raglan::loadtest
