#include "loadtest/open_loop.h"

#include <charconv>
#include <cmath>
#include <future>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "net/detach.h"
#include "net/pause.h"

namespace raglan::loadtest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxConnections = 8192;
constexpr milliseconds kBackoff{500};
constexpr std::string_view kLevel = R"("degraded":{"level":)";

Duration from_seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}
double to_seconds(Duration value) { return std::chrono::duration<double>(value).count(); }

std::optional<Duration> seconds_of(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || value < 0) return std::nullopt;
  return seconds(value);
}

int level_of(const std::string& body) {
  const std::size_t at = body.find(kLevel);
  return at == body.npos ? 0 : body[at + kLevel.size()] - '0';
}

} // namespace

struct OpenLoop::Running {
  const OpenLoad& load;
  MonotonicTime began;
  std::size_t under_way = 0; // with the arrivals themselves
  std::vector<Customer> ended;
  std::promise<void> done;

  void end_one() {
    if (--under_way == 0) done.set_value();
  }
};

OpenLoop::OpenLoop(std::string url, std::string tier_header, std::uint64_t seed)
    : url_(std::move(url)),
      tier_header_(std::move(tier_header)),
      rng_(seed),
      client_(
          {.max_connections_per_host = kMaxConnections, .max_waiting_per_host = kMaxConnections},
          loops_) {
  loops_.start();
}

OpenLoop::~OpenLoop() = default;

std::vector<Customer> OpenLoop::run(const OpenLoad& load) {
  Running running{.load = load, .began = SystemClock::instance().now(), .under_way = 1};
  auto done = running.done.get_future();
  net::detach(loops_.executor(0), arrive(running));
  done.wait();
  return std::move(running.ended);
}

net::Task<> OpenLoop::arrive(Running& running) {
  double from = 0;
  for (const LoadPhase& phase : running.load.phases) {
    co_await arrive_in(running, phase, from);
    from += phase.seconds;
  }
  running.end_one();
}

// Late arrivals are made up for at once.
net::Task<> OpenLoop::arrive_in(Running& running, const LoadPhase& phase, double from) {
  const auto loop = co_await boost::asio::this_coro::executor;
  const Clock& clock = SystemClock::instance();
  double next = from;
  while (true) {
    next += -std::log(1 - rng_.uniform()) / phase.per_second;
    if (next >= from + phase.seconds) co_return;
    const Duration early = running.began + from_seconds(next) - clock.now();
    if (early > Duration::zero()) (void)co_await net::pause(early);
    ++running.under_way;
    net::detach(loop, serve(running, {.tier = draw_tier(running.load), .came = next}));
  }
}

net::Task<> OpenLoop::serve(Running& running, Customer customer) {
  while (true) {
    ++customer.attempts;
    const Duration wait = co_await attempt(customer, running.load.deadline);
    if (customer.served() || customer.attempts == running.load.attempts) break;
    (void)co_await net::pause(wait + from_seconds(rng_.uniform() * to_seconds(kBackoff)));
  }
  customer.ended = to_seconds(SystemClock::instance().now() - running.began);
  running.ended.push_back(customer);
  running.end_one();
}

// How long to stay away when it is not answered.
net::Task<Duration> OpenLoop::attempt(Customer& customer, Duration deadline) {
  const MonotonicTime began = SystemClock::instance().now();
  http::ClientRequest request{.method = "POST", .url = url_ + "/v1/query"};
  request.headers.set("content-type", "application/json");
  request.headers.set(tier_header_, policy::tier_name(customer.tier));
  request.headers.set("x-request-timeout-ms",
                      std::to_string(std::chrono::ceil<milliseconds>(deadline).count()));
  const boost::json::object body{{"query", fmt::format("What is said of subject {}?", ++asked_)}};
  request.body = json_text(body);
  const auto reply = co_await client_.send(std::move(request), Deadline::after(deadline, began));
  customer.milliseconds = to_milliseconds(SystemClock::instance().now() - began);
  customer.status = reply ? reply->status : 0;
  if (customer.served()) customer.level = level_of(reply->body);
  const auto retry_after = reply ? reply->headers.find("retry-after") : std::nullopt;
  co_return retry_after ? seconds_of(*retry_after).value_or(kBackoff) : kBackoff;
}

policy::Tier OpenLoop::draw_tier(const OpenLoad& load) {
  double left = rng_.uniform();
  for (const policy::Tier tier : {policy::Tier::kVip, policy::Tier::kPaid}) {
    left -= load.shares[policy::index_of(tier)];
    if (left < 0) return tier;
  }
  return policy::Tier::kFree;
}

} // namespace raglan::loadtest
