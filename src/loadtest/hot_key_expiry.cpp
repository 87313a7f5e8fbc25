// What happens when the answer of a question that many ask expires, on four nodes that share a
// Redis: with early refresh and stale while revalidate nobody waits for it to be computed again,
// and of all nodes one computes it.
//
// The notes name TTLs and say nothing of their ends; the promise is ours.
//
// Early refresh begins cost × ln(cost × requests per second) before the end, on average
// (policy/freshness.h): of a TTL of an hour that is nothing, of one that a measurement can wait for
// it may be a third, and the answer is computed half as often again. Computations are counted of
// passages alone, which cost a few thousandths of their TTL here, as whole answers do of real ones.
#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/guarded.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

constexpr std::size_t kNodes = 4;
constexpr std::size_t kClients = 8;
constexpr std::chrono::milliseconds kPause{20}; // of each client, between two questions

struct Plan {
  boost::json::object fields; // of the hot question
  std::chrono::seconds ttl{4};
  std::size_t expiries = 0; // that the load lasts for
  std::vector<std::string> settings;
  bool redis = true; // that the nodes share
};

struct Expiries {
  double recomputations = 0; // per expiry
  std::size_t requests = 0;
  std::size_t waited = 0;         // that were not answered from the cache
  std::vector<double> slowest_ms; // around each expiry
};

struct Load {
  std::vector<double> slowest_ms;
  std::size_t requests = 0;
  std::size_t waited = 0;
  std::size_t failed = 0;
};

using Nodes = std::vector<Rig::NodePtr>;

// Asks one question again and again, at a steady pace, from several clients; for so many of its
// answer's expiries, and half a TTL longer so that the last is seen to its end.
Load ask_for(const Nodes& nodes, const std::string& question, const Plan& plan) {
  const Clock& clock = SystemClock::instance();
  const Duration half = Duration(plan.ttl) / 2;
  Guarded<Load> load{Load{std::vector<double>(plan.expiries, 0)}};
  const MonotonicTime began = clock.now();
  run_on_threads(kClients, [&](std::size_t client) {
    MonotonicTime next = began + client * kPause / kClients;
    while (true) {
      std::this_thread::sleep_until(next);
      next = std::max(next + kPause, clock.now());
      const Duration elapsed = clock.now() - began;
      if (elapsed >= plan.expiries * plan.ttl + half) return;
      // Half a TTL before and after each expiry is that expiry's.
      const auto expiry = static_cast<std::size_t>(std::max(elapsed - half, Duration()) / plan.ttl);
      const auto asked = nodes[client % nodes.size()]->ask(question, plan.fields);
      load.with([&](Load& load) {
        ++load.requests;
        if (!asked) {
          ++load.failed;
          return;
        }
        const bool cached = asked->cache_status == "hit" || asked->cache_status == "stale";
        load.waited += cached ? 0 : 1;
        double& slowest = load.slowest_ms[std::min(expiry, plan.expiries - 1)];
        slowest = std::max(slowest, asked->milliseconds);
      });
    }
  });
  return load.with([](Load& load) { return load; });
}

Result<Nodes> start(Rig& rig, const Plan& plan, const std::optional<RedisProcess>& redis) {
  std::vector<std::string> settings = plan.settings;
  settings.push_back(fmt::format("cache.query.ttl={}s", plan.ttl.count()));
  // Or an answer that expired would come from the passages of the retrieval cache, half computed.
  settings.emplace_back("cache.retrieval.enabled=false");
  if (redis) settings.push_back("redis.url=" + redis->url);
  return rig.start_nodes(kNodes, settings);
}

// Asked in this order on every node; the last is the hot one, fresh.
Result<> warm(const Nodes& nodes, std::span<const std::string> questions, const Plan& plan) {
  for (const std::string& question : questions) {
    for (const auto& node : nodes) {
      if (auto filled = node->ask(question, plan.fields); !filled) return forward_error(filled);
    }
  }
  return {};
}

Result<Expiries> run(Rig& rig, const Plan& plan) {
  auto questions = some_questions(rig, kFewestQuestions);
  if (!questions) return forward_error(questions);
  std::optional<RedisProcess> redis; // outlives the nodes
  if (plan.redis) {
    auto started = rig.start_redis();
    if (!started) return forward_error(started);
    redis = std::move(*started);
  }
  auto nodes = start(rig, plan, redis);
  if (!nodes) return forward_error(nodes);
  if (auto ok = warm(*nodes, *questions, plan); !ok) return forward_error(ok);
  auto before = work_so_far(*nodes);
  if (!before) return forward_error(before);
  Load load = ask_for(*nodes, questions->back(), plan);
  if (load.failed > 0) {
    return fail(ErrorCode::kUpstream, fmt::format("{} requests failed", load.failed));
  }
  auto after = work_so_far(*nodes);
  if (!after) return forward_error(after);
  const double searches = (*after - *before).searches;
  return Expiries{searches / static_cast<double>(plan.expiries), load.requests, load.waited,
                  std::move(load.slowest_ms)};
}

std::string in_words(const Plan& plan, const Expiries& measured) {
  return fmt::format("TTL {} s, {} expiries: {} of {} requests waited, computed {} times an expiry",
                     plan.ttl.count(), plan.expiries, measured.waited, measured.requests,
                     figure_text(measured.recomputations));
}

struct OffAndOn {
  Outcome outcome;
  Expiries off;
  Expiries on;
};

Result<OffAndOn> run_both(Rig& rig, const Plan& plan_off, const Plan& plan_on) {
  auto off = run(rig, plan_off);
  if (!off) return forward_error(off);
  auto on = run(rig, plan_on);
  if (!on) return forward_error(on);
  OffAndOn both{.off = std::move(*off), .on = std::move(*on)};
  both.outcome.notes = fmt::format(
      "One hot question at {} requests a second from {} clients to {} nodes. Off: {}. On: {}.",
      static_cast<std::size_t>(kClients * (std::chrono::seconds(1) / kPause)), kClients, kNodes,
      in_words(plan_off, both.off), in_words(plan_on, both.on));
  return both;
}

Result<Outcome> latency(Rig& rig) {
  // Without the vectors of the last time, or computing it again would be too cheap to be noticed.
  const Plan on{.expiries = rig.choose<std::size_t>(2, 5),
                .settings = {"cache.embedding.enabled=false"}};
  Plan off = on;
  for (const char* setting :
       {"cache.query.early_refresh_beta=0", "cache.query.stale_while_revalidate=0s",
        "cache.query.stale_if_error=0s"}) {
    off.settings.emplace_back(setting);
  }
  auto both = run_both(rig, off, on);
  if (!both) return forward_error(both);
  Outcome outcome = std::move(both->outcome);
  outcome.off_is = "early_refresh_beta=0, stale_while_revalidate=0s, stale_if_error=0s";
  outcome.on_is = "early refresh and stale while revalidate, as they are by default";
  outcome.off = Figure::of(both->off.slowest_ms);
  outcome.on = Figure::of(both->on.slowest_ms);
  outcome.unit = "ms slowest";
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = static_cast<double>(both->on.waited);
  outcome.notes +=
      " Whole answers, embedding cache off. Shown: the slowest request around each expiry; judged: "
      "the requests that "
      "waited, on.";
  return outcome;
}

// As many expiries as tell 1.05 from less: each but the first comes earlier by what early refresh
// takes off, and one too many falls into the load's last half TTL.
Result<Outcome> recomputations(Rig& rig) {
  const Plan on{.fields = {{"mode", "retrieve"}},
                .ttl = std::chrono::seconds(rig.choose(4, 10)),
                .expiries = rig.choose<std::size_t>(2, 10)};
  Plan off = on;
  off.expiries = 2;
  off.redis = false;
  auto both = run_both(rig, off, on);
  if (!both) return forward_error(both);
  Outcome outcome = std::move(both->outcome);
  outcome.off_is = "four nodes without Redis, each for itself";
  outcome.on_is = "four nodes that share a Redis";
  outcome.off = Figure::exactly(both->off.recomputations);
  outcome.on = Figure::exactly(both->on.recomputations);
  outcome.unit = "per expiry";
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = outcome.on.median;
  outcome.notes += " Passages only (mode: retrieve).";
  return outcome;
}

} // namespace

Claim hot_key_latency() {
  return {.id = "freshness.expiry",
          .text =
              "When the answer to a hot question expires on four nodes, no request waits for a "
              "new one",
          .promise = {.max = 0, .unit = "requests waited"},
          .measure = latency};
}

Claim hot_key_recomputations() {
  return {.id = "freshness.recomputations",
          .text =
              "When the answer to a hot question expires on four nodes, it is computed again "
              "once",
          .promise = {.max = 1.05, .unit = "per expiry"},
          .measure = recomputations};
}

} // namespace raglan::loadtest
