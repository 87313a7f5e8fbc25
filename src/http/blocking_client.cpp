#include "http/blocking_client.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <future>
#include <memory>

namespace raglan::http {
namespace {

MonotonicTime now() { return SystemClock::instance().now(); }

std::unexpected<Error> interrupted() { return fail(ErrorCode::kClientClosed, "interrupted"); }

} // namespace

BlockingClient::BlockingClient(ClientConfig config)
    : loops_({.threads = 1}), client_(std::move(config), loops_) {
  loops_.start();
}

BlockingClient::~BlockingClient() { loops_.stop(); }

Result<ClientResponse> BlockingClient::send(ClientRequest request, Duration patience) {
  return wait_for(client_.send(std::move(request), Deadline::after(patience, now())));
}

Result<ClientResponse> BlockingClient::stream(ClientRequest request, Duration patience,
                                              const OnPiece& on_piece) {
  return wait_for(run_stream(std::move(request), Deadline::after(patience, now()), on_piece));
}

net::Task<Result<ClientResponse>> BlockingClient::run_stream(ClientRequest request,
                                                             Deadline deadline,
                                                             const OnPiece& on_piece) {
  auto stream = co_await client_.open(std::move(request), deadline);
  if (!stream) co_return forward_error(stream);
  ClientResponse response{stream->status(), stream->headers(), {}};
  const bool wanted = response.status >= 200 && response.status < 300;
  while (true) {
    const auto piece = co_await stream->read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return response;
    if (!wanted) {
      response.body += *piece;
    } else if (!on_piece(*piece)) {
      co_return fail(ErrorCode::kClientClosed, "the reader has had enough");
    }
  }
}

Result<ClientResponse> BlockingClient::wait_for(net::Task<Result<ClientResponse>> task) {
  if (calls_.with([](const Calls& calls) { return calls.interrupted; })) return interrupted();
  // Shared: the caller may be back before set_value is.
  auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
  auto future = promise->get_future();
  auto deliver = [promise](const std::exception_ptr& thrown, Result<ClientResponse> result) {
    if (thrown) result = fail(ErrorCode::kInternal, "the request could not be made");
    promise->set_value(std::move(result));
  };
  const auto signal = std::make_shared<boost::asio::cancellation_signal>();
  boost::asio::co_spawn(loops_.executor(0), std::move(task),
                        boost::asio::bind_cancellation_slot(signal->slot(), std::move(deliver)));
  const bool missed = calls_.with([&](Calls& calls) {
    calls.under_way.insert(signal);
    return calls.interrupted;
  });
  if (missed) cancel(signal); // too late for interrupt() to see it
  Result<ClientResponse> result = future.get();
  const bool ended = calls_.with([&](Calls& calls) {
    calls.under_way.erase(signal);
    return calls.interrupted;
  });
  // A coroutine that is cancelled at its start ends by an exception.
  if (ended && !result) return interrupted();
  return result;
}

void BlockingClient::interrupt() {
  const auto signals = calls_.with([](Calls& calls) {
    calls.interrupted = true;
    return calls.under_way;
  });
  for (const Signal& signal : signals) cancel(signal);
}

void BlockingClient::cancel(const Signal& signal) {
  loops_.post(0, [signal] { signal->emit(boost::asio::cancellation_type::terminal); });
}

} // namespace raglan::http
