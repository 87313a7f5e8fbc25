#include "balancer/kubernetes_endpoints.h"

#include <algorithm>

#include "balancer/host_address.h"
#include "balancer/kubernetes_requests.h"
#include "base/log.h"
#include "http/retry_after.h"
#include "net/first_of.h"
#include "net/pause.h"

namespace raglan::balancer {
namespace {

// Beyond what the API was asked to keep a watch for: it ends it by itself.
constexpr std::chrono::seconds kGrace{30};

} // namespace

net::Task<Result<std::vector<HostAddress>>> KubernetesEndpoints::list() {
  auto taken = co_await take_list();
  if (!taken) co_return forward_error(taken);
  auto ready = slices_.ready();
  if (!ready) co_return forward_error(ready);
  note_left_out(*ready);
  reported_ = ready->hosts;
  co_return std::move(ready->hosts);
}

net::Task<void> KubernetesEndpoints::watch(OnChange on_change) {
  co_await net::first_of(follow(std::move(on_change)), until_stopped());
}

void KubernetesEndpoints::stop() {
  const auto waiting = stopping_.with([](Stopping& stopping) {
    stopping.stopped = true;
    return std::exchange(stopping.waiting, std::nullopt);
  });
  if (waiting) waiting->deliver(Nothing());
}

net::Task<void> KubernetesEndpoints::until_stopped() {
  auto begin = [this](const net::Completion<Nothing>& done) {
    const bool stopped = stopping_.with([&](Stopping& stopping) {
      if (!stopping.stopped) stopping.waiting = done;
      return stopping.stopped;
    });
    if (stopped) done.deliver(Nothing());
  };
  (void)co_await net::await_completion<Nothing>(std::move(begin));
}

net::Task<void> KubernetesEndpoints::follow(OnChange on_change) {
  policy::Backoff backoff(times_.backoff);
  while (true) {
    const MonotonicTime began = clock_.now();
    Result<> done;
    if (!listed_) done = co_await take_list();
    if (done) {
      report(on_change);
      done = co_await take_changes(on_change);
    }
    if (!done && done.error().code == ErrorCode::kClientClosed) co_return;
    if (!done) note_failure(done.error());
    // What lasted was well. What ends at once is not, though it may end in good order.
    if (clock_.now() - began >= times_.backoff.max_backoff) {
      backoff = policy::Backoff(times_.backoff);
    }
    const Duration at_least = done ? Duration::zero() : done.error().retry_after;
    const Duration wait = backoff.next(rng_, std::min<Duration>(at_least, kMaxRetryAfter));
    if (auto waited = co_await net::pause(wait); !waited) co_return;
  }
}

net::Task<Result<>> KubernetesEndpoints::take_list() {
  const auto token = read_token(access_.token_file);
  if (!token) co_return std::unexpected(token.error());
  const auto deadline = Deadline::after(times_.list_timeout, clock_.now());
  auto answer = co_await client_.send(list_request(access_, service_, *token), deadline);
  if (!answer) co_return std::unexpected(unanswered(answer.error()));
  if (answer->status != 200) {
    Error error = refusal("list", service_, answer->status, answer->body, *token);
    error.retry_after =
        http::retry_after(answer->headers, clock_.wall_now()).value_or(Duration::zero());
    co_return std::unexpected(std::move(error));
  }
  if (auto taken = slices_.replace(answer->body); !taken) {
    taken.error().code = ErrorCode::kUnavailable;
    co_return taken;
  }
  listed_ = true;
  co_return Result<>();
}

// Ends well when the watch has, or has not said anything for long; with an error when it was lost.
net::Task<Result<>> KubernetesEndpoints::take_changes(const OnChange& on_change) {
  auto stream = co_await open_watch();
  if (!stream) co_return forward_error(stream);
  Lines lines(kMaxLineBytes);
  while (true) {
    const auto piece = co_await stream->read();
    if (!piece && piece.error().code == ErrorCode::kDeadlineExceeded) co_return Result<>();
    if (!piece) co_return std::unexpected(unanswered(piece.error()));
    if (piece->empty()) co_return Result<>();
    const auto applied = apply(lines, *piece);
    if (!applied || !listed_) co_return applied;
    report(on_change);
  }
}

net::Task<Result<http::ResponseStream>> KubernetesEndpoints::open_watch() {
  const auto token = read_token(access_.token_file);
  if (!token) co_return std::unexpected(token.error());
  // Of random length: watches that were begun together do not end together.
  const auto shortest = static_cast<std::uint64_t>(times_.watch_duration.count());
  const std::chrono::seconds duration(shortest + rng_.below(shortest + 1));
  auto stream =
      co_await client_.open(watch_request(access_, service_, slices_.version(), duration, *token),
                            Deadline::after(duration + kGrace, clock_.now()));
  if (!stream) co_return std::unexpected(unanswered(stream.error()));
  if (stream->status() == 200) co_return stream;
  co_return std::unexpected(co_await refused_watch(std::move(*stream), *token));
}

net::Task<Error> KubernetesEndpoints::refused_watch(http::ResponseStream stream,
                                                    std::string_view token) {
  std::string body;
  while (body.size() < kMaxRefusalBytes) {
    const auto piece = co_await stream.read();
    if (!piece || piece->empty()) break;
    body += *piece;
  }
  // An API that has much to do is not asked for more than it was.
  const int status = stream.status();
  if (status != 429 && status < 500) listed_ = false;
  Error error = refusal("watch", service_, status, body, token);
  error.retry_after =
      http::retry_after(stream.headers(), clock_.wall_now()).value_or(Duration::zero());
  co_return error;
}

// All lines that are whole. Afterwards `listed_` says whether the watch can go on.
Result<> KubernetesEndpoints::apply(Lines& lines, std::string_view piece) {
  auto added = lines.add(piece);
  if (!added) listed_ = false;
  while (const auto line = lines.next()) {
    if (line->empty()) continue;
    auto event = slices_.apply(*line);
    if (event && *event != EndpointSlices::Event::kGone) continue;
    listed_ = false;
    if (!event) return forward_error(event);
    return {};
  }
  return added;
}

void KubernetesEndpoints::report(const OnChange& on_change) {
  auto ready = slices_.ready();
  std::vector<HostAddress> hosts;
  if (ready) hosts = ready->hosts;
  if (reported_ && same_hosts(*reported_, hosts)) return;
  if (ready) note_left_out(*ready);
  if (hosts.empty()) {
    log_warning("an upstream has no hosts",
                {{"upstream", service_.url()},
                 {"reason", ready ? "no endpoint is ready" : explain(ready.error())}});
  }
  reported_ = hosts;
  on_change(std::move(hosts));
}

void KubernetesEndpoints::note_left_out(const EndpointSlices::Ready& ready) const {
  if (ready.left_out == 0) return;
  log_warning("an upstream has more endpoints than there may be hosts",
              {{"upstream", service_.url()}, {"left_out", ready.left_out}});
}

void KubernetesEndpoints::note_failure(const Error& error) {
  const auto left_out = failures_.admit(clock_.now());
  if (!left_out) return;
  log_warning("an upstream's endpoints are not followed at the moment",
              {{"upstream", service_.url()}, {"reason", explain(error)}, {"left_out", *left_out}});
}

} // namespace raglan::balancer
