// The notes, "Request Coalescing": identical requests in flight are answered once; also over nodes
// that share a Redis.
#include <fmt/format.h>

#include <atomic>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

constexpr std::size_t kClients = 200;

using Nodes = std::vector<Rig::NodePtr>;

// What the nodes do for kClients that ask the same at the same time, evenly of all nodes. Passages
// only: the work that counts is the same, and without coalescing it is done so many times.
Result<NodeWork> ask_together(const Nodes& nodes, const std::string& question,
                              std::string_view cache) {
  auto before = work_so_far(nodes);
  if (!before) return forward_error(before);
  std::atomic<std::size_t> failed = 0;
  run_on_threads(kClients, [&](std::size_t client) {
    const boost::json::object fields{{"mode", "retrieve"}, {"cache", cache}};
    if (!nodes[client % nodes.size()]->ask(question, fields)) ++failed;
  });
  if (failed > 0) {
    return fail(ErrorCode::kUpstream,
                fmt::format("{} of {} requests failed", failed.load(), kClients));
  }
  auto after = work_so_far(nodes);
  if (!after) return forward_error(after);
  return *after - *before;
}

// The most of any question: one that is computed twice is one too many.
struct Repeated {
  std::vector<double> searches;
  std::vector<double> calls;
};

Result<Repeated> ask_together_each(const Nodes& nodes, std::span<const std::string> questions,
                                   std::string_view cache) {
  Repeated repeated;
  for (const std::string& question : questions) {
    auto work = ask_together(nodes, question, cache);
    if (!work) return forward_error(work);
    repeated.searches.push_back(work->searches);
    repeated.calls.push_back(work->embedding_calls);
  }
  return repeated;
}

Outcome outcome_of(const Repeated& off, const Repeated& on) {
  Outcome outcome{
      .off = Figure::of(off.searches), .on = Figure::of(on.searches), .unit = "searches"};
  const Figure calls_off = Figure::of(off.calls);
  const Figure calls_on = Figure::of(on.calls);
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = std::max(outcome.on.most, calls_on.most);
  outcome.notes = fmt::format(
      "{} clients at a time, {} cold questions. Calls of the embedding model: {} off, {} on. "
      "Judged: "
      "the most searches or calls that any question cost.",
      kClients, on.searches.size(), calls_off.median, calls_on.median);
  return outcome;
}

Result<Outcome> one_node(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(5, 10));
  if (!questions) return forward_error(questions);
  auto nodes = rig.start_nodes(1, {});
  if (!nodes) return forward_error(nodes);
  auto on = ask_together_each(*nodes, *questions, "use");
  if (!on) return forward_error(on);
  auto off = ask_together_each(*nodes, questions->first(rig.choose(1, 3)), "bypass");
  if (!off) return forward_error(off);
  Outcome outcome = outcome_of(*off, *on);
  outcome.off_is = "cache: bypass";
  outcome.on_is = "coalesced";
  return outcome;
}

Result<Outcome> two_nodes(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(5, 10));
  if (!questions) return forward_error(questions);
  auto redis = rig.start_redis();
  if (!redis) return forward_error(redis);
  auto apart = rig.start_nodes(2, {});
  if (!apart) return forward_error(apart);
  auto off = ask_together_each(*apart, *questions, "use");
  if (!off) return forward_error(off);
  apart->clear();
  auto together = rig.start_nodes(2, {"redis.url=" + redis->url});
  if (!together) return forward_error(together);
  auto on = ask_together_each(*together, *questions, "use");
  if (!on) return forward_error(on);
  Outcome outcome = outcome_of(*off, *on);
  outcome.off_is = "two nodes without Redis: each coalesces its own";
  outcome.on_is = "two nodes that share a Redis";
  return outcome;
}

} // namespace

Claim coalescing_one_node() {
  return {.id = "coalescing.one_node",
          .text =
              "Request coalescing: 200 identical cold questions at a time cost one search and "
              "one embedding",
          .promise = {.max = 1, .unit = "computations"},
          .measure = one_node};
}

Claim coalescing_two_nodes() {
  return {.id = "coalescing.two_nodes",
          .text = "Request coalescing: over two nodes too",
          .promise = {.max = 1, .unit = "computations"},
          .measure = two_nodes};
}

} // namespace raglan::loadtest
