#include "auth/jwks_source.h"

#include <utility>

#include "base/log.h"
#include "net/detach.h"

namespace raglan::auth {
namespace {

const Hash128 kTheOne{}; // there is one set to fetch
constexpr int kUrgency = 0;

http::ClientConfig client_config(const AuthConfig& config) {
  http::ClientConfig client;
  client.ca_file = config.ca_file;
  client.max_connections_per_host = 1;
  return client;
}

std::unexpected<Error> no_keys() {
  return fail(ErrorCode::kUnavailable, "the keys that tokens are signed with cannot be read");
}

struct Fetching {
  explicit Fetching(std::atomic<bool>& of) : under_way(of) { under_way = true; }
  ~Fetching() { under_way = false; }
  std::atomic<bool>& under_way;
};

} // namespace

JwksSource::JwksSource(const AuthConfig& config, net::EventLoops& loops, const Clock& clock)
    : url_(config.jwks_url),
      refresh_(config.jwks_refresh),
      clock_(clock),
      client_(std::in_place, client_config(config), loops, clock) {}

net::Task<Result<JwksSource::Keys>> JwksSource::keys(Deadline deadline) {
  const MonotonicTime now = clock_.now();
  const auto [keys, old] = state_.with([&](const State& state) {
    return std::pair(state.keys, now - state.fetched_at >= refresh_);
  });
  if (!keys) {
    // Whoever comes while it is fetched waits for that; when it has just failed nobody asks again.
    if (!fetching_ && !may_try(now, kRetryInterval)) co_return no_keys();
    co_return co_await fetch(deadline);
  }
  if (old && may_try(now, std::min<Duration>(refresh_, kMinInterval))) {
    net::detach(co_await boost::asio::this_coro::executor, refresh());
  }
  co_return keys;
}

net::Task<Result<JwksSource::Keys>> JwksSource::newer(Keys known, Deadline deadline) {
  const Keys present = state_.with([](const State& state) { return state.keys; });
  if (present != known) co_return present;
  if (!fetching_ && !may_try(clock_.now(), kMinInterval)) co_return known;
  auto fetched = co_await fetch(deadline);
  if (!fetched && fetched.error().code == ErrorCode::kUnavailable) co_return known;
  co_return fetched;
}

bool JwksSource::may_try(MonotonicTime now, Duration interval) {
  return state_.with([&](State& state) {
    if (state.tried_at && now - *state.tried_at < interval) return false;
    state.tried_at = now;
    return true;
  });
}

net::Task<Result<JwksSource::Keys>> JwksSource::fetch(Deadline deadline) {
  bool joined = false;
  auto start = [this] { return fetch_now(); };
  co_return co_await fetches_.run(kTheOne, kUrgency, std::move(start), deadline, clock_, joined);
}

net::Task<Result<JwksSource::Keys>> JwksSource::fetch_now() {
  const Fetching fetching(fetching_);
  http::ClientRequest request{.url = url_, .max_body_bytes = kMaxBytes};
  auto answer =
      co_await client_->send(std::move(request), Deadline::after(kFetchTimeout, clock_.now()));
  const auto unavailable = [](std::string_view why) {
    log_warning("the issuer's keys could not be read", {{"reason", why}});
    return no_keys();
  };
  if (!answer) co_return unavailable(answer.error().message);
  if (answer->status != 200) co_return unavailable(fmt::format("status {}", answer->status));
  auto keys = KeySet::from_jwks(answer->body);
  if (!keys) co_return unavailable(keys.error().message);
  auto made = std::make_shared<const KeySet>(std::move(*keys));
  const MonotonicTime then = clock_.now();
  state_.with([&](State& state) {
    state.keys = made;
    state.fetched_at = then;
  });
  co_return made;
}

net::Task<void> JwksSource::refresh() {
  (void)co_await fetch(Deadline::after(kFetchTimeout, clock_.now()));
}

} // namespace raglan::auth
