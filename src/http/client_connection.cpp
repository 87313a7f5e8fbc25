#include "http/client_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ssl/error.hpp>

#include "net/client_tls.h"

namespace raglan::http {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

constexpr std::size_t kInputBytes = 16 * 1024;      // what a connection keeps while idle
constexpr std::size_t kBodyInputBytes = 128 * 1024; // while a large body arrives

std::unexpected<Error> no_connection(const Origin& origin, std::string_view reason) {
  return fail(ErrorCode::kUnavailable,
              fmt::format("cannot connect to {}: {}", origin.name(), reason));
}

std::unexpected<Error> cancelled_error() { return fail(ErrorCode::kClientClosed, "cancelled"); }

} // namespace

ClientConnection::ClientConnection(std::shared_ptr<ClientShared> shared, const Executor& executor)
    : shared_(std::move(shared)), socket_(executor), timer_(executor) {}

ClientConnection::~ClientConnection() = default;

net::Task<Result<>> ClientConnection::connect(const Origin& origin, Deadline deadline) {
  const auto began = shared_->clock.now();
  const auto due = deadline.capped(shared_->config.connect_timeout, began).at();
  auto endpoints = co_await shared_->resolver.resolve(origin.host, origin.port, due - began);
  Result<> connected;
  if (endpoints) {
    connected = co_await connect_tcp(*endpoints, origin, due);
  } else {
    connected = forward_error(endpoints);
  }
  if (connected && origin.tls) connected = co_await shake_hands(origin, due);
  unwatch();
  if (connected) {
    ++shared_->counts.opened;
    co_return connected;
  }
  // Whose time was over: the request's, or only this connection's?
  if (connected.error().code == ErrorCode::kDeadlineExceeded &&
      !deadline.expired(shared_->clock.now())) {
    connected.error().code = ErrorCode::kUnavailable;
  }
  co_return connected;
}

// One address after the other, each with its share of the time that is left: an address that
// swallows packets must not use up what the next one needs.
net::Task<Result<>> ClientConnection::connect_tcp(const net::Resolver::Endpoints& endpoints,
                                                  const Origin& origin, MonotonicTime due) {
  boost::system::error_code failure;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (shared_->closed) co_return no_connection(origin, "the client is closed");
    const auto now = shared_->clock.now();
    const auto untried = static_cast<Duration::rep>(endpoints.size() - i);
    failure = co_await connect_one(endpoints[i], now + (due - now) / untried);
    if (!failure) co_return Result<>();
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return cancelled_error();
  }
  if (overdue_) {
    co_return fail(ErrorCode::kDeadlineExceeded,
                   fmt::format("cannot connect to {} in time", origin.name()));
  }
  co_return no_connection(origin, failure.message());
}

net::Task<boost::system::error_code> ClientConnection::connect_one(asio::ip::tcp::endpoint endpoint,
                                                                   MonotonicTime due) {
  close();
  watch(due);
  const auto [failure] = co_await socket_.async_connect(endpoint, kToken);
  if (failure) co_return failure;
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  co_return failure;
}

net::Task<Result<>> ClientConnection::shake_hands(const Origin& origin, MonotonicTime due) {
  if (!shared_->tls_usable) co_return no_connection(origin, "no certificates to trust");
  tls_.emplace(socket_, shared_->tls);
  if (!net::expect_name(tls_->native_handle(), origin.host)) {
    co_return no_connection(origin, "its name cannot be verified");
  }
  watch(due);
  const auto [failure] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kToken);
  if (!failure) co_return Result<>();
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return cancelled_error();
  if (overdue_) {
    co_return fail(ErrorCode::kDeadlineExceeded,
                   fmt::format("no TLS connection to {} in time", origin.name()));
  }
  const long verified = SSL_get_verify_result(tls_->native_handle());
  if (verified != X509_V_OK) {
    co_return no_connection(origin, fmt::format("its certificate is not valid: {}",
                                                X509_verify_cert_error_string(verified)));
  }
  co_return no_connection(origin, "the TLS handshake failed");
}

net::Task<IoResult> ClientConnection::write(std::string_view head, std::string_view body,
                                            Deadline deadline, std::size_t& written_bytes) {
  std::array<asio::const_buffer, 2> rest = {asio::buffer(head), asio::buffer(body)};
  IoResult result;
  while (result.end == IoEnd::kProgress && asio::buffer_size(rest) > 0) {
    watch(deadline.capped(shared_->config.write_timeout, shared_->clock.now()).at());
    const auto [failure, size_bytes] = tls_ ? co_await tls_->async_write_some(rest, kToken)
                                            : co_await socket_.async_write_some(rest, kToken);
    const auto state = co_await asio::this_coro::cancellation_state;
    result = {end_of(failure, state.cancelled()), size_bytes};
    written_bytes += size_bytes;
    std::size_t left = size_bytes;
    for (auto& buffer : rest) {
      const auto taken = std::min(left, buffer.size());
      buffer += taken;
      left -= taken;
    }
  }
  unwatch();
  co_return result;
}

net::Task<IoResult> ClientConnection::read(MonotonicTime due) {
  watch(due);
  const auto space = free_space();
  const auto [failure, size_bytes] = tls_ ? co_await tls_->async_read_some(space, kToken)
                                          : co_await socket_.async_read_some(space, kToken);
  unwatch();
  input_end_ += size_bytes;
  // The sender is faster than the buffer: fewer and larger reads from now on.
  if (size_bytes == space.size() && input_.size() < kBodyInputBytes) {
    input_.resize(kBodyInputBytes);
  }
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return IoResult{end_of(failure, state.cancelled()), size_bytes};
}

IoEnd ClientConnection::end_of(const boost::system::error_code& failure,
                               asio::cancellation_type cancelled) const {
  if (!failure) return IoEnd::kProgress;
  if (cancelled != asio::cancellation_type::none) return IoEnd::kCancelled;
  if (overdue_) return IoEnd::kOverdue;
  return failure == asio::error::eof ? IoEnd::kClosed : IoEnd::kBroken;
}

std::string_view ClientConnection::input() const {
  return {input_.data() + input_begin_, input_end_ - input_begin_};
}

asio::mutable_buffer ClientConnection::free_space() {
  if (input_.empty()) input_.resize(kInputBytes);
  if (input_begin_ > 0) {
    std::copy(input_.begin() + static_cast<std::ptrdiff_t>(input_begin_),
              input_.begin() + static_cast<std::ptrdiff_t>(input_end_), input_.begin());
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  // Bounded: the parser refuses a line that is longer than its limits before the buffer doubles
  // past them.
  if (input_end_ == input_.size()) input_.resize(input_.size() * 2);
  return asio::buffer(input_.data() + input_end_, input_.size() - input_end_);
}

bool ClientConnection::is_quiet() {
  char byte = 0;
  const auto count = ::recv(socket_.native_handle(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && input().empty();
}

void ClientConnection::trim() {
  if (input_.size() <= kInputBytes) return;
  input_ = {};
  input_begin_ = input_end_ = 0;
}

void ClientConnection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void ClientConnection::watch(MonotonicTime due) {
  due_ = due;
  overdue_ = false;
  if (due < armed_) arm(due);
}

void ClientConnection::arm(MonotonicTime at) {
  armed_ = at;
  timer_.expires_after(at - shared_->clock.now());
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& replaced) {
    if (replaced) return;
    if (const auto connection = weak.lock()) connection->on_timer();
  });
}

void ClientConnection::on_timer() {
  armed_ = MonotonicTime::max();
  if (due_ == MonotonicTime::max()) return;
  if (shared_->clock.now() < due_) {
    arm(due_);
    return;
  }
  overdue_ = true;
  close();
}

} // namespace raglan::http
