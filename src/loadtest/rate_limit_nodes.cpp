// The notes, "API Gateway": rate limiting. A limit that each node counts for itself grows with the
// fleet; this one does not.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include <boost/json/serialize.hpp>

#include "http/blocking_client.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kNodes = 3;
constexpr std::size_t kClients = 16;
constexpr std::size_t kLimit = 60; // requests a minute
constexpr std::chrono::seconds kPatience{30};

struct Admitted {
  double beyond = 0; // what the limit allows; below zero: fewer
  double refused = 0;
};

// What nodes let through of as many questions as one limit for each of them would allow, and half
// as many again, asked as fast as they answer.
Result<Admitted> ask_beyond(const std::vector<Rig::NodePtr>& nodes, const std::string& question) {
  const std::size_t asked = 3 * kNodes * kLimit / 2;
  const std::string body = json::serialize(json::object{{"query", question}, {"mode", "retrieve"}});
  http::BlockingClient client({.max_connections_per_host = kClients});
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> admitted = 0;
  std::atomic<std::size_t> failed = 0;
  const Clock& clock = SystemClock::instance();
  const MonotonicTime began = clock.now();
  run_on_threads(kClients, [&](std::size_t) {
    for (std::size_t number = next++; number < asked; number = next++) {
      http::ClientRequest request{
          .method = "POST", .url = nodes[number % kNodes]->url() + "/v1/query", .body = body};
      request.headers.set("content-type", "application/json");
      const auto reply = client.send(std::move(request), kPatience);
      admitted += reply && reply->status == 200 ? 1 : 0;
      failed += reply && (reply->status == 200 || reply->status == 429) ? 0 : 1;
    }
  });
  if (failed > 0)
    return fail(ErrorCode::kUpstream, fmt::format("{} requests failed", failed.load()));
  const double seconds = std::chrono::duration<double>(clock.now() - began).count();
  const double allowed = std::floor(kLimit * (1 + seconds / 60));
  const auto through = static_cast<double>(admitted);
  return Admitted{through - allowed, static_cast<double>(asked) - through};
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, kFewestQuestions);
  if (!questions) return forward_error(questions);
  auto redis = rig.start_redis();
  if (!redis) return forward_error(redis);
  const std::string limit = fmt::format("limits.paid.requests_per_minute={}", kLimit);
  auto apart = rig.start_nodes(kNodes, {limit});
  if (!apart) return forward_error(apart);
  auto off = ask_beyond(*apart, questions->front());
  if (!off) return forward_error(off);
  apart->clear();
  auto together = rig.start_nodes(kNodes, {limit, "redis.url=" + redis->url});
  if (!together) return forward_error(together);
  auto on = ask_beyond(*together, questions->front());
  if (!on) return forward_error(on);
  Outcome outcome{.off_is = "each node counts for itself",
                  .on_is = "the nodes share a Redis",
                  .off = Figure::exactly(std::max(0.0, off->beyond)),
                  .on = Figure::exactly(std::max(0.0, on->beyond)),
                  .unit = "requests too many"};
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = std::abs(on->beyond); // fewer than allowed would be wrong too
  outcome.notes = fmt::format(
      "{} nodes, a limit of {} requests a minute, {} clients that ask in turn as fast as they are "
      "answered. Refused with 429: {} off, {} on; fewer were let through than allowed by {}.",
      kNodes, kLimit, kClients, off->refused, on->refused, std::max(0.0, -on->beyond));
  return outcome;
}

} // namespace

Claim rate_limit_nodes() {
  return {.id = "limits.nodes",
          .text = "Rate limiting: a tenant's limit is one limit, however many nodes there are",
          .promise = {.max = 1, .unit = "requests"},
          .measure = measure};
}

} // namespace raglan::loadtest
