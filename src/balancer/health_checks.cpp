#include "balancer/health_checks.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/deadline.h"
#include "net/detach.h"
#include "net/pause.h"
#include "policy/host_health.h"

namespace raglan::balancer {

using policy::HealthState;

namespace {

constexpr std::chrono::milliseconds kLookForNew{100};
constexpr std::chrono::seconds kWhileUnknown{1};
constexpr std::uint64_t kMaxAnswerBytes = 64 * 1024;

} // namespace

net::Task<void> HealthChecks::watch() {
  const auto loop = co_await boost::asio::this_coro::executor;
  while (!stopped_) {
    const auto hosts = fleet_.hosts();
    for (const auto& host : *hosts) {
      if (watched_.insert(host.get()).second) net::detach(loop, watch_one(host));
    }
    if (auto waited = co_await net::pause(kLookForNew); !waited) co_return;
  }
}

net::Task<void> HealthChecks::watch_one(std::shared_ptr<Host> host) {
  bool first = true;
  while (!stopped_ && fleet_.has(*host)) {
    const auto well = co_await check(*host);
    const auto state = fleet_.note_check(*host, well);
    Duration wait = config_.interval;
    if (state != HealthState::kUnknown && std::exchange(first, false)) {
      wait =
          Duration(static_cast<Duration::rep>(rng_.uniform() * static_cast<double>(wait.count())));
    }
    // Not longer than that without a look whether it says that it is not ready.
    const MonotonicTime next = clock_.now() + wait;
    do {
      const Duration nap = std::min<Duration>(next - clock_.now(), kWhileUnknown);
      if (auto waited = co_await net::pause(nap); !waited) co_return;
    } while (clock_.now() < next && fleet_.health(*host) != HealthState::kUnknown);
  }
  watched_.erase(host.get());
}

net::Task<Result<>> HealthChecks::check(const Host& host) {
  http::ClientRequest request{.url = "http://" + host.address.name + config_.path,
                              .max_body_bytes = kMaxAnswerBytes};
  auto response =
      co_await client_.send(std::move(request), Deadline::after(config_.timeout, clock_.now()));
  if (!response) co_return forward_error(response);
  if (response->status == 200) co_return Result<>();
  co_return fail(ErrorCode::kUnavailable, fmt::format("it answered {}", response->status));
}

} // namespace raglan::balancer
