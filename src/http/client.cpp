#include "http/client.h"

#include <boost/asio/post.hpp>

#include "http/client_exchange.h"
#include "http/client_loop.h"

namespace raglan::http {
namespace {

using ExchangeResult = Result<std::unique_ptr<ClientExchange>>;

// One attempt. `stale` says afterwards whether it may be made once more, on a new connection.
net::Task<ExchangeResult> attempt(std::shared_ptr<ClientLoop> loop, const OutgoingRequest& request,
                                  Deadline deadline, bool on_new_connection, bool& stale) {
  auto lease = co_await loop->acquire(request.origin, deadline);
  if (!lease) co_return forward_error(lease);
  const bool pooled = lease->connection() != nullptr && !on_new_connection;
  if (pooled) {
    ++loop->shared->counts.reused;
  } else {
    auto connected = co_await lease->fill().connect(request.origin, deadline);
    if (!connected) co_return forward_error(connected);
  }
  auto exchange = std::make_unique<ClientExchange>(std::move(*lease), loop, request, deadline);
  auto answered = co_await exchange->run(request);
  if (answered) co_return exchange;
  stale = pooled && exchange->was_stale(request);
  if (stale) ++loop->shared->counts.stale;
  co_return forward_error(answered);
}

} // namespace

ResponseStream::ResponseStream(std::unique_ptr<ClientExchange> exchange)
    : exchange_(std::move(exchange)) {}
ResponseStream::ResponseStream(ResponseStream&&) noexcept = default;
ResponseStream& ResponseStream::operator=(ResponseStream&&) noexcept = default;
ResponseStream::~ResponseStream() = default;

int ResponseStream::status() const { return exchange_->head().status; }

const Headers& ResponseStream::headers() const { return exchange_->head().headers; }

net::Task<Result<std::string_view>> ResponseStream::read() { return exchange_->read_body(); }

Client::Client(ClientConfig config, net::EventLoops& loops, const Clock& clock)
    : loops_(loops),
      shared_(std::make_shared<ClientShared>(std::move(config), loops.size(), clock)) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    per_loop_.push_back(std::make_shared<ClientLoop>(shared_, loops.executor(i)));
  }
}

Client::~Client() {
  shared_->closed = true;
  // Connections are closed on the loops that they belong to.
  for (std::size_t i = 0; i < per_loop_.size(); ++i) {
    loops_.post(i, [loop = std::move(per_loop_[i])] { loop->abort(); });
  }
  shared_->resolver.stop();
}

net::Task<Result<ResponseStream>> Client::open(ClientRequest request, Deadline deadline) {
  const auto index = loops_.current();
  if (!index) co_return fail(ErrorCode::kInternal, "not on one of the client's event loops");
  const auto loop = per_loop_[*index];
  const auto outgoing = make_outgoing(std::move(request), loop->shared->config);
  if (!outgoing) co_return std::unexpected(outgoing.error());
  if (deadline.expired(loop->shared->clock.now())) {
    co_return fail(ErrorCode::kDeadlineExceeded, "the deadline passed before the request was sent");
  }
  bool stale = false;
  auto exchange = co_await attempt(loop, *outgoing, deadline, false, stale);
  if (stale) exchange = co_await attempt(loop, *outgoing, deadline, true, stale);
  if (!exchange) co_return forward_error(exchange);
  co_return ResponseStream(std::move(*exchange));
}

net::Task<Result<ClientResponse>> Client::send(ClientRequest request, Deadline deadline) {
  auto stream = co_await open(std::move(request), deadline);
  if (!stream) co_return forward_error(stream);
  ClientResponse response{stream->status(), stream->headers(), {}};
  while (true) {
    const auto piece = co_await stream->read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    response.body += *piece;
  }
  co_return response;
}

ClientStats Client::stats() const {
  const auto& counts = shared_->counts;
  ClientStats stats;
  stats.open = counts.open;
  stats.idle = counts.idle;
  stats.waiting = counts.waiting;
  stats.opened = counts.opened;
  stats.reused = counts.reused;
  stats.waits = counts.waits;
  stats.stale = counts.stale;
  stats.overloaded = counts.overloaded;
  return stats;
}

} // namespace raglan::http
