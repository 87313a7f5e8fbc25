#include "redis/stream.h"

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detail/socket_option.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "redis/command.h"

namespace raglan::redis {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

constexpr std::size_t kInputBytes = 16 * 1024;       // what a connection reads at a time
constexpr std::size_t kLargeInputBytes = 128 * 1024; // once a reply filled that

std::unexpected<Error> no_connection(std::string_view reason) {
  return fail(ErrorCode::kUnavailable, fmt::format("no connection to Redis: {}", reason));
}

std::unexpected<Error> broken() {
  return fail(ErrorCode::kUpstream, "Redis closed the connection");
}

// A server that vanished without a word (a cut cable, a lost route) is noticed within a minute,
// also by a connection that only listens.
void set_options(Stream::Socket& socket) {
  using KeepIdle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using KeepInterval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using KeepCount = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  boost::system::error_code ignored; // a unix socket has none of them
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(KeepIdle(15), ignored);
  socket.set_option(KeepInterval(15), ignored);
  socket.set_option(KeepCount(3), ignored);
}

} // namespace

Stream::Stream(std::shared_ptr<ClientShared> shared, Address address, Role role,
               const Executor& executor)
    : shared_(std::move(shared)),
      address_(std::move(address)),
      role_(role),
      socket_(executor),
      timer_(executor),
      parser_(shared_->config.max_reply_bytes) {}

net::Task<Result<>> Stream::open(MonotonicTime due) {
  const auto self = shared_from_this();
  Result<> opened;
  auto endpoints = co_await find(due);
  if (endpoints) {
    opened = co_await connect(*endpoints, due);
  } else {
    opened = forward_error(endpoints);
  }
  if (opened) {
    watch(due);
    if (address_.tls) opened = co_await shake_hands();
    if (opened) opened = co_await log_in();
    if (!opened && overdue_) opened = no_connection("it did not answer in time");
    if (!opened && opened.error().code == ErrorCode::kUpstream) {
      opened = no_connection(opened.error().message);
    }
  }
  unwatch();
  if (!opened) close();
  co_return opened;
}

net::Task<Result<std::vector<Stream::Endpoint>>> Stream::find(MonotonicTime due) {
  std::vector<Endpoint> endpoints;
  if (!address_.socket_path.empty()) {
    endpoints.emplace_back(asio::local::stream_protocol::endpoint(address_.socket_path));
    co_return endpoints;
  }
  const auto patience = due - shared_->clock.now();
  auto found = co_await shared_->resolver.resolve(address_.host, address_.port, patience);
  if (!found) {
    if (found.error().code == ErrorCode::kOverloaded) co_return forward_error(found);
    co_return no_connection("its name cannot be resolved");
  }
  for (const auto& endpoint : *found) endpoints.emplace_back(endpoint);
  co_return endpoints;
}

// One address after the other, each with its share of the time that is left: an address that
// swallows packets must not use up what the next one needs.
net::Task<Result<>> Stream::connect(const std::vector<Endpoint>& endpoints, MonotonicTime due) {
  boost::system::error_code failure;
  for (std::size_t i = 0; i < endpoints.size() && !closed_; ++i) {
    const auto now = shared_->clock.now();
    const auto untried = static_cast<Duration::rep>(endpoints.size() - i);
    watch(now + (due - now) / untried);
    boost::system::error_code ignored;
    socket_.close(ignored);
    std::tie(failure) = co_await socket_.async_connect(endpoints[i], kToken);
    if (!failure && !closed_) {
      set_options(socket_);
      co_return Result<>();
    }
  }
  if (closed_) co_return no_connection("closed");
  co_return no_connection(overdue_ ? "it did not answer in time" : failure.message());
}

net::Task<Result<>> Stream::shake_hands() {
  tls_.emplace(socket_, shared_->tls);
  if (!net::expect_name(tls_->native_handle(), address_.host)) {
    co_return no_connection("its name cannot be verified");
  }
  const auto [failure] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kToken);
  if (!failure) co_return Result<>();
  const long verified = SSL_get_verify_result(tls_->native_handle());
  if (verified == X509_V_OK) co_return no_connection("the TLS handshake failed");
  co_return no_connection(
      fmt::format("its certificate is not valid: {}", X509_verify_cert_error_string(verified)));
}

net::Task<Result<>> Stream::log_in() {
  std::string wire;
  const bool authenticates = !address_.password.empty();
  if (authenticates) {
    Command auth("AUTH");
    if (!address_.user.empty()) auth.add(address_.user);
    auth.add(address_.password.reveal()).append_to(wire);
  }
  if (address_.database > 0) Command("SELECT", address_.database).append_to(wire);
  Command("CLIENT", "SETNAME", "raglan").append_to(wire);
  if (role_ == Role::kMaster) Command("ROLE").append_to(wire);
  auto done = co_await write(wire);
  if (done && authenticates) done = co_await expect("AUTH", true);
  if (done && address_.database > 0) done = co_await expect("SELECT", true);
  // A name is only for the operator, and some proxies and access lists do not allow it. But it is
  // the first that a server without a login refuses.
  if (done) done = co_await expect("CLIENT", false);
  if (done && role_ == Role::kMaster) done = co_await expect_master();
  co_return done;
}

net::Task<Result<>> Stream::expect_master() {
  const auto reply = co_await read();
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->error_word() == "LOADING") co_return no_connection("it is loading its data");
  if (reply->is_error()) co_return Result<>(); // the login may not ask
  if (reply->elements.empty() || reply->elements[0].text != "master") {
    co_return no_connection("it is no master");
  }
  co_return Result<>();
}

net::Task<Result<>> Stream::expect(std::string_view step, bool required) {
  const auto reply = co_await read();
  if (!reply) co_return std::unexpected(reply.error());
  const auto word = reply->error_word();
  if (reply->is_error() && reply->text.starts_with("ERR max number of clients")) {
    co_return no_connection("it has as many connections as it allows");
  }
  const bool refused = required ? !reply->is_ok() : word == "NOAUTH" || word == "DENIED";
  if (refused) co_return no_connection(fmt::format("{} was refused: {}", step, word));
  co_return Result<>();
}

net::Task<Result<Reply>> Stream::ask(std::string_view wire, MonotonicTime due) {
  const auto self = shared_from_this();
  watch(due);
  auto written = co_await write(wire);
  Result<Reply> reply;
  if (written) {
    reply = co_await read();
  } else {
    reply = forward_error(written);
  }
  unwatch();
  if (!reply) close();
  if (!reply && overdue_) co_return fail(ErrorCode::kDeadlineExceeded, "Redis did not answer");
  co_return reply;
}

net::Task<Result<>> Stream::write(std::string_view bytes) {
  const auto buffer = asio::buffer(bytes);
  const auto [failure, size_bytes] = tls_ ? co_await asio::async_write(*tls_, buffer, kToken)
                                          : co_await asio::async_write(socket_, buffer, kToken);
  if (failure) co_return broken();
  co_return Result<>();
}

void Stream::write(std::string_view bytes,
                   std::function<void(const boost::system::error_code&)> done) {
  auto written = [self = shared_from_this(), done = std::move(done)](
                     const boost::system::error_code& failure, std::size_t) { done(failure); };
  const auto buffer = asio::buffer(bytes);
  if (tls_) {
    asio::async_write(*tls_, buffer, std::move(written));
  } else {
    asio::async_write(socket_, buffer, std::move(written));
  }
}

net::Task<Result<>> Stream::fill() {
  if (input_.empty()) input_.resize(kInputBytes);
  const auto space = asio::buffer(input_);
  const auto [failure, size_bytes] = tls_ ? co_await tls_->async_read_some(space, kToken)
                                          : co_await socket_.async_read_some(space, kToken);
  if (failure) co_return broken();
  auto fed = parser_.feed({input_.data(), size_bytes});
  if (size_bytes == input_.size() && size_bytes < kLargeInputBytes) input_.resize(kLargeInputBytes);
  co_return fed;
}

net::Task<Result<Reply>> Stream::read() {
  while (true) {
    auto reply = next();
    if (!reply) co_return forward_error(reply);
    if (*reply) co_return std::move(**reply);
    auto filled = co_await fill();
    if (!filled) co_return forward_error(filled);
  }
}

void Stream::close() {
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Stream::watch(MonotonicTime due) {
  overdue_ = false;
  timer_.expires_after(due - shared_->clock.now());
  timer_.async_wait([weak = weak_from_this(), errand = ++watch_](const auto& replaced) {
    const auto stream = weak.lock();
    if (replaced || stream == nullptr || stream->watch_ != errand) return;
    stream->overdue_ = true;
    boost::system::error_code ignored;
    stream->socket_.close(ignored);
  });
}

void Stream::unwatch() {
  ++watch_;
  timer_.cancel();
}

} // namespace raglan::redis
