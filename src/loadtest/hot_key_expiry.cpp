// What happens when the answer of a question that many ask expires: with early refresh and stale
// while revalidate nobody waits for it to be computed again, and it is computed once.
//
// The notes name TTLs and say nothing of their ends; the promise is ours.
//
// Early refresh is the earlier the longer an answer takes to compute. With TTLs as short as here
// that matters: computations are counted for passages alone, which cost a few hundredths of the
// TTL or less, as answers do of real TTLs.
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

constexpr std::size_t kClients = 8;
constexpr std::chrono::milliseconds kPause{20}; // of each client, between two questions
constexpr std::chrono::seconds kTtl{4};

struct Expiries {
  double expiries = 0; // that the load lasted for
  double recomputations = 0;
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

// Asks one question again and again, at a steady pace, from several clients; for so many of its
// answer's expiries, and half a TTL longer so that the last is seen to its end.
Load ask_for(MeasuredNode& node, const std::string& question, const boost::json::object& fields,
             std::size_t expiries) {
  const Clock& clock = SystemClock::instance();
  const Duration half = Duration(kTtl) / 2;
  Guarded<Load> load{Load{std::vector<double>(expiries, 0)}};
  const MonotonicTime began = clock.now();
  run_on_threads(kClients, [&](std::size_t client) {
    MonotonicTime next = began + client * kPause / kClients;
    while (true) {
      std::this_thread::sleep_until(next);
      next = std::max(next + kPause, clock.now());
      const Duration elapsed = clock.now() - began;
      if (elapsed >= expiries * kTtl + half) return;
      // Half a TTL before and after each expiry is that expiry's.
      const auto expiry = static_cast<std::size_t>(std::max(elapsed - half, Duration()) / kTtl);
      const auto asked = node.ask(question, fields);
      load.with([&](Load& load) {
        ++load.requests;
        if (!asked) {
          ++load.failed;
          return;
        }
        const bool cached = asked->cache_status == "hit" || asked->cache_status == "stale";
        load.waited += cached ? 0 : 1;
        double& slowest = load.slowest_ms[std::min(expiry, expiries - 1)];
        slowest = std::max(slowest, asked->milliseconds);
      });
    }
  });
  return load.with([](Load& load) { return load; });
}

Result<Expiries> run(Rig& rig, const boost::json::object& fields,
                     std::vector<std::string> settings) {
  settings.push_back(fmt::format("cache.query.ttl={}s", kTtl.count()));
  // Or an answer that expired would come from the passages of the retrieval cache, half computed.
  settings.emplace_back("cache.retrieval.enabled=false");
  auto questions = some_questions(rig, kFewestQuestions);
  if (!questions) return forward_error(questions);
  auto node = rig.start_node(settings);
  if (!node) return forward_error(node);
  for (const std::string& question : *questions) { // the last is the hot one, fresh
    if (auto filled = (*node)->ask(question, fields); !filled) return forward_error(filled);
  }
  auto before = work_so_far(**node);
  if (!before) return forward_error(before);
  const std::size_t expiries = rig.choose<std::size_t>(2, 5);
  Load load = ask_for(**node, questions->back(), fields, expiries);
  if (load.failed > 0)
    return fail(ErrorCode::kUpstream, fmt::format("{} requests failed", load.failed));
  auto after = work_so_far(**node);
  if (!after) return forward_error(after);
  return Expiries{static_cast<double>(expiries), (*after - *before).searches, load.requests,
                  load.waited, std::move(load.slowest_ms)};
}

struct OffAndOn {
  Expiries off;
  Expiries on;
};

Result<OffAndOn> run_both(Rig& rig, const boost::json::object& fields) {
  auto off = run(rig, fields,
                 {"cache.query.early_refresh_beta=0", "cache.query.stale_while_revalidate=0s",
                  "cache.query.stale_if_error=0s"});
  if (!off) return forward_error(off);
  auto on = run(rig, fields, {});
  if (!on) return forward_error(on);
  return OffAndOn{std::move(*off), std::move(*on)};
}

Outcome describe_both(const OffAndOn& both) {
  Outcome outcome{.off_is = "early_refresh_beta=0, stale_while_revalidate=0s, stale_if_error=0s",
                  .on_is = "early refresh and stale while revalidate, as they are by default"};
  outcome.notes = fmt::format(
      "One hot question at {} requests a second from {} clients, TTL {} s, {} expiries. Requests "
      "that "
      "waited for the answer to be computed: {} of {} off, {} of {} on; computations: {} off, {} "
      "on.",
      static_cast<std::size_t>(kClients * (std::chrono::seconds(1) / kPause)), kClients,
      kTtl.count(), both.on.expiries, both.off.waited, both.off.requests, both.on.waited,
      both.on.requests, both.off.recomputations, both.on.recomputations);
  return outcome;
}

Result<Outcome> latency(Rig& rig) {
  auto both = run_both(rig, {});
  if (!both) return forward_error(both);
  Outcome outcome = describe_both(*both);
  outcome.off = Figure::of(both->off.slowest_ms);
  outcome.on = Figure::of(both->on.slowest_ms);
  outcome.unit = "ms slowest";
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = static_cast<double>(both->on.waited);
  outcome.notes +=
      " Shown: the slowest request around each expiry; judged: the requests that waited, on.";
  return outcome;
}

Result<Outcome> recomputations(Rig& rig) {
  auto both = run_both(rig, {{"mode", "retrieve"}});
  if (!both) return forward_error(both);
  Outcome outcome = describe_both(*both);
  outcome.off = Figure::exactly(both->off.recomputations / both->off.expiries);
  outcome.on = Figure::exactly(both->on.recomputations / both->on.expiries);
  outcome.unit = "per expiry";
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = outcome.on.median;
  outcome.notes += " Passages only (mode: retrieve).";
  return outcome;
}

} // namespace

Claim hot_key_latency() {
  return {.id = "freshness.expiry",
          .text = "When the answer to a hot question expires, no request waits for a new one",
          .promise = {.max = 0, .unit = "requests waited"},
          .measure = latency};
}

Claim hot_key_recomputations() {
  return {.id = "freshness.recomputations",
          .text = "When the answer to a hot question expires, it is computed again once",
          .promise = {.max = 1.05, .unit = "per expiry"},
          .measure = recomputations};
}

} // namespace raglan::loadtest
