#include "http/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <charconv>
#include <optional>

#include "base/ids.h"
#include "base/log.h"
#include "http/error_table.h"

namespace raglan::http {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

constexpr std::size_t kInputBytes = 4 * 1024;      // what a connection keeps while idle
constexpr std::size_t kBodyInputBytes = 64 * 1024; // while a large body arrives
// A body up to this size is copied behind its head and leaves in one plain send.
constexpr std::size_t kCopiedBodyBytes = 16 * 1024;
constexpr std::size_t kKeptOutputBytes = 8 * 1024; // of each buffer, while it is idle
// How long a connection that was accepted just before the drain may take to send its request.
constexpr std::chrono::milliseconds kDrainGrace{1'000};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// When a transfer that has moved `moved_bytes` since `began` and has just made progress is overdue:
// after `timeout` without more progress, or as soon as it is slower on average than the minimum.
MonotonicTime transfer_due(MonotonicTime now, MonotonicTime began, std::uint64_t moved_bytes,
                           std::chrono::milliseconds timeout, std::uint64_t min_bytes_per_second) {
  const auto stalled = now + timeout;
  if (min_bytes_per_second == 0) return stalled;
  const std::chrono::milliseconds earned(moved_bytes * 1000 / min_bytes_per_second);
  return std::min(stalled, began + timeout + earned);
}

} // namespace

Outgoing::Outgoing(std::string_view first, std::string_view second, std::string_view third)
    : buffers_{asio::buffer(first), asio::buffer(second), asio::buffer(third)} {}

void Outgoing::consume(std::size_t size_bytes) {
  for (auto& buffer : buffers_) {
    const auto taken = std::min(size_bytes, buffer.size());
    buffer += taken;
    size_bytes -= taken;
  }
}

Connection::Connection(ServerLoop::Socket socket, std::string remote_address,
                       std::shared_ptr<ServerLoop> loop, bool over_limit)
    : socket_(std::move(socket)),
      remote_address_(std::move(remote_address)),
      loop_(std::move(loop)),
      over_limit_(over_limit),
      input_(kInputBytes),
      parser_(loop_->shared->config.limits) {
  loop_->enter(*this);
}

Connection::~Connection() { loop_->leave(*this); }

net::Task<> Connection::run() {
  request_.remote_address = remote_address_;
  wait_for_request();
  if (over_limit_) {
    Error error{ErrorCode::kOverloaded, "too many connections", {}};
    co_await refuse(std::move(error));
  }
  while (!closing_) {
    auto parsed = parse();
    if (!parsed) {
      co_await refuse(std::move(parsed.error()));
      break;
    }
    if (parser_.done()) {
      co_await answer();
      continue;
    }
    if (parser_.head_done() && parser_.expects_continue() && !sent_continue_) {
      sent_continue_ = true;
      if (!co_await flush(Outgoing(kContinue))) co_return;
    }
    enter_phase_after_parse();
    const auto [failure, size_bytes] = co_await socket_.async_read_some(free_space(), kToken);
    if (failure) {
      co_await on_read_failure();
    } else {
      input_end_ += size_bytes;
      if (parser_.head_done()) received_body_bytes_ += size_bytes;
    }
  }
  if (must_linger_ || has_unread_input()) co_await linger();
}

void Connection::close_if_overdue(MonotonicTime now) {
  if (now < due_) return;
  timed_out_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::close_if_idle() {
  if (phase_ != Phase::kIdle) return;
  if (requests_ == 0) {
    due_ = std::min(due_, shared().clock.now() + kDrainGrace);
    return;
  }
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::cancel() {
  cancelled_ = true;
  closing_ = true;
  cancellation_.emit(asio::cancellation_type::terminal);
}

// Feeds the parser with what has been read. Afterwards it is done, or wants more input.
Result<> Connection::parse() {
  while (has_unread_input() && !parser_.done()) {
    const bool had_head = parser_.head_done();
    const std::string_view input(input_.data() + input_begin_, input_end_ - input_begin_);
    auto used = parser_.feed(input, request_);
    if (!used) return forward_error(used);
    input_begin_ += *used;
    const bool announced = !had_head && parser_.head_done();
    auto admitted = admit_body(announced ? parser_.body_remaining_bytes() : 0);
    if (!admitted) return admitted;
    if (had_head || !parser_.head_done()) break;
    request_.received_at = shared().clock.now();
  }
  if (!has_unread_input()) input_begin_ = input_end_ = 0;
  return {};
}

// Reserves what has arrived of the body, and looks whether one that has just been announced would
// fit. The bytes lie in memory before they are reserved: one read's, of one connection on a loop.
Result<> Connection::admit_body(std::uint64_t announced_bytes) {
  const auto& budget = shared().bodies;
  const bool hopeless = announced_bytes > 0 && !budget->has_room_for(announced_bytes);
  auto& reservation = request_.body_reservation;
  if (!reservation && !request_.body.empty()) {
    reservation = std::make_shared<BodyReservation>(budget);
  }
  if (!hopeless && (!reservation || reservation->cover(request_.body.size()))) return {};
  budget->count_refusal();
  return fail(ErrorCode::kOverloaded, "too many bytes of request bodies are being held");
}

void Connection::wait_for_request() {
  phase_ = Phase::kIdle;
  timed_out_ = false;
  const auto& config = shared().config;
  const auto patience = shared().draining ? kDrainGrace
                        : requests_ == 0  ? config.header_timeout
                                          : config.idle_timeout;
  due_ = loop_->coarse_now() + patience;
}

void Connection::enter_phase_after_parse() {
  const auto& config = shared().config;
  if (parser_.head_done()) {
    const auto now = shared().clock.now();
    if (phase_ != Phase::kBody) {
      phase_ = Phase::kBody;
      phase_began_ = now;
      received_body_bytes_ = 0;
    }
    const auto hurry = shared().bodies->busy() ? config.busy_min_bytes_per_second : 0;
    due_ = transfer_due(now, phase_began_, received_body_bytes_, config.body_timeout,
                        std::max(config.min_bytes_per_second, hurry));
  } else if (phase_ == Phase::kIdle && (parser_.started() || has_unread_input())) {
    phase_ = Phase::kHead;
    due_ = shared().clock.now() + config.header_timeout;
  }
}

asio::mutable_buffer Connection::free_space() {
  if (input_begin_ > 0 && has_unread_input()) {
    std::copy(input_.begin() + static_cast<std::ptrdiff_t>(input_begin_),
              input_.begin() + static_cast<std::ptrdiff_t>(input_end_), input_.begin());
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  // Bounded: the parser refuses a line that is longer than its limits before the buffer doubles
  // past them.
  if (input_end_ == input_.size()) input_.resize(input_.size() * 2);
  // Never larger than what has arrived: a Content-Length alone must not cost us memory.
  if (parser_.head_done() && input_.size() < kBodyInputBytes &&
      std::min(received_body_bytes_, parser_.body_remaining_bytes()) > input_.size()) {
    input_.resize(input_.size() * 2);
  }
  return asio::buffer(input_.data() + input_end_, input_.size() - input_end_);
}

net::Task<> Connection::on_read_failure() {
  closing_ = true;
  if (cancelled_ || phase_ == Phase::kIdle) {
    if (!cancelled_ && !timed_out_ && shared().draining) close_unless_asked();
    co_return;
  }
  if (timed_out_) {
    Error error{ErrorCode::kRequestTimeout, "the request did not arrive in time", {}};
    co_await refuse(std::move(error));
  }
}

// Between two requests of a drain: a request that came in this very moment is still answered.
void Connection::close_unless_asked() {
  closing_ = false;
  if (has_unread_input()) return;
  boost::system::error_code failure;
  const auto size_bytes = socket_.read_some(free_space(), failure);
  input_end_ += size_bytes;
  closing_ = failure || size_bytes == 0;
}

net::Task<> Connection::answer() {
  ++requests_;
  sent_body_bytes_ = 0;
  phase_ = Phase::kHandling;
  due_ = MonotonicTime::max();
  std::optional<Response> made;
  try { // the edge at which exceptions end
    made = co_await shared().handler(request_);
  } catch (const std::exception& failure) {
    // Not the text: it may hold what the client must not see and the log must not keep.
    if (!cancelled_) log_error("a handler threw", {{"type", typeid(failure).name()}});
  } catch (...) {
    log_error("a handler threw", {{"type", "unknown"}});
  }
  Response response = made ? std::move(*made) : internal_error();
  if (cancelled_) {
    report(499);
    co_return;
  }
  const auto& config = shared().config;
  const bool last =
      config.max_requests_per_connection > 0 && requests_ >= config.max_requests_per_connection;
  if (!request_.keep_alive || last || shared().draining) closing_ = true;
  // A stream may still read the body; a slow reader of anything else must not keep it.
  if (response.stream == nullptr) request_.drop_body();
  tell_load(response);
  const Outgoing rest = start_response(response);
  const bool whole = rest.size_bytes() == 0 && response.stream == nullptr;
  if (!broken_ && !whole) co_await finish_response(response, rest);
  report(broken_ || cancelled_ ? 499 : response.status);

  parser_.reset();
  request_.clear();
  const std::size_t spare_bytes = response.body.capacity();
  if (spare_bytes <= kKeptOutputBytes && spare_bytes > request_.spare_body.capacity()) {
    request_.spare_body = std::move(response.body);
  }
  sent_continue_ = false;
  if (output_.capacity() > kKeptOutputBytes) output_ = std::string();
  if (input_.size() > kInputBytes && !has_unread_input()) {
    input_ = std::vector<char>(kInputBytes);
  }
  wait_for_request();
  // The drain began after the head had left without "Connection: close": during a stream, say.
  if (shared().draining && !closing_) close_unless_asked();
}

// What is made has only to be sent: who then asks something else does not find it counted. A stream
// goes on.
void Connection::tell_load(Response& response) {
  if (!request_.load_share) return;
  response.headers.set(kLoadHeader, std::to_string(request_.load_share->requests() - 1));
  if (response.stream == nullptr) request_.load_share.reset();
}

Response Connection::internal_error() const {
  std::string id(request_.headers.get(kRequestIdHeader));
  if (id.empty()) id = make_uuid7(shared().clock.wall_now());
  return error_response({ErrorCode::kInternal, "internal error", {}}, id);
}

// What the socket takes at once is gone afterwards, nearly always everything. No coroutine: that
// would cost more than the rest of this.
Outgoing Connection::start_response(Response& response) {
  const bool bodiless = !has_body(response);
  HeadOptions options;
  options.date = loop_->date();
  options.request_id = request_.headers.get(kRequestIdHeader);
  options.chunked = response.stream != nullptr && request_.minor_version == 1;
  options.length_known = response.stream == nullptr;
  const std::size_t room_bytes = std::min(response.head_room_bytes, response.body.size());
  options.body_bytes = response.body.size() - room_bytes;
  if (!options.chunked && !options.length_known && !bodiless) closing_ = true;
  options.close = closing_;
  options.announce_keep_alive = !closing_ && request_.minor_version == 0;
  output_.clear();
  append_head(output_, response, options);

  std::string_view body = std::string_view(response.body).substr(room_bytes);
  if (bodiless) body = {};
  sent_body_bytes_ = body.size();
  std::string_view first = output_;
  if (!body.empty() && output_.size() <= room_bytes) {
    const std::size_t begin = room_bytes - output_.size();
    output_.copy(response.body.data() + begin, output_.size());
    first = std::string_view(response.body).substr(begin);
    body = {};
  } else if (body.size() <= kCopiedBodyBytes) {
    first = output_ += body;
    body = {};
  }
  Outgoing out(first, body);
  send_now(out);
  return out;
}

net::Task<> Connection::finish_response(const Response& response, Outgoing rest) {
  if (rest.size_bytes() > 0 && !co_await flush(rest)) co_return;
  if (response.stream != nullptr && has_body(response)) co_await send_stream(response);
}

bool Connection::has_body(const Response& response) const {
  return request_.method != "HEAD" && status_has_body(response.status);
}

net::Task<> Connection::send_stream(const Response& response) {
  phase_ = Phase::kHandling;
  due_ = MonotonicTime::max();
  sent_body_bytes_ = 0;
  bool whole = false;
  try {
    whole = (co_await response.stream(*this)).has_value();
  } catch (const std::exception& failure) {
    if (!cancelled_) log_error("a stream threw", {{"type", typeid(failure).name()}});
  }
  if (cancelled_ || broken_) {
    closing_ = true;
    co_return;
  }
  if (!whole) {
    closing_ = true;
    broken_ = true;
    // Where the end of the connection is the end of the body, only a reset says "not whole".
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    co_return;
  }
  request_.load_share.reset(); // before its client knows that this is all
  if (request_.minor_version == 1) co_await flush(Outgoing("0\r\n\r\n"));
}

net::Task<Result<>> Connection::write(std::string_view bytes) {
  if (bytes.empty()) co_return Result<>();
  if (!broken_) {
    std::array<char, 20> size_line;
    char* end = std::to_chars(size_line.data(), size_line.data() + 16, bytes.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    const std::string_view size(size_line.data(), static_cast<std::size_t>(end - size_line.data()));
    const bool chunked = request_.minor_version == 1;
    Outgoing out(chunked ? size : std::string_view(), bytes, chunked ? "\r\n" : std::string_view());
    if (send_now(out) && out.size_bytes() > 0) co_await flush(out);
  }
  if (broken_) co_return fail(ErrorCode::kClientClosed, "the client is gone");
  sent_body_bytes_ += bytes.size();
  co_return Result<>();
}

bool Connection::send_now(Outgoing& out) {
  boost::system::error_code failure;
  // One buffer goes by send(), which is cheaper than sendmsg() with an array.
  const bool single = out.size_bytes() == out.buffers()[0].size();
  const auto sent = single ? socket_.write_some(asio::buffer(out.buffers()[0]), failure)
                           : socket_.write_some(out.buffers(), failure);
  if (failure && failure != asio::error::would_block) {
    broken_ = true;
    closing_ = true;
    return false;
  }
  out.consume(sent);
  return true;
}

net::Task<bool> Connection::flush(Outgoing out) {
  const Phase phase_before = phase_;
  const auto due_before = due_;
  const auto& config = shared().config;
  phase_ = Phase::kWriting;
  timed_out_ = false;
  const auto began = shared().clock.now();
  std::uint64_t sent_bytes = 0;
  while (out.size_bytes() > 0) {
    due_ = transfer_due(shared().clock.now(), began, sent_bytes, config.write_timeout,
                        config.min_bytes_per_second);
    const auto [failure, size_bytes] = co_await socket_.async_write_some(out.buffers(), kToken);
    if (failure) {
      broken_ = true;
      closing_ = true;
      // A reader that is too slow gets no more of the kernel's memory either.
      boost::system::error_code ignored;
      if (timed_out_) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
      break;
    }
    out.consume(size_bytes);
    sent_bytes += size_bytes;
  }
  phase_ = phase_before;
  due_ = due_before;
  co_return !broken_;
}

net::Task<> Connection::refuse(Error error) {
  closing_ = true;
  must_linger_ = true;
  request_.drop_body();
  const auto response = error_response(error, make_uuid7(shared().clock.wall_now()));
  HeadOptions options;
  options.date = loop_->date();
  options.body_bytes = response.body.size();
  options.close = true;
  output_.clear();
  append_head(output_, response, options);
  if (request_.method != "HEAD") output_ += response.body;
  if (request_.received_at == MonotonicTime{}) request_.received_at = shared().clock.now();
  co_await flush(Outgoing(output_));
  report(response.status);
}

// Lets the client read the answer before the connection goes: closing a socket that still has input
// makes the kernel send a reset, at which many clients drop what they have not read yet.
net::Task<> Connection::linger() {
  if (cancelled_ || broken_) co_return;
  phase_ = Phase::kLingering;
  due_ = shared().clock.now() + shared().config.linger_timeout;
  boost::system::error_code failure;
  socket_.shutdown(asio::socket_base::shutdown_send, failure);
  while (!failure) {
    const auto [read_failure, size_bytes] =
        co_await socket_.async_read_some(asio::buffer(input_), kToken);
    failure = read_failure;
  }
}

void Connection::report(int status) {
  const auto& completed = shared().hooks.completed;
  if (!completed) return;
  completed({request_, status, sent_body_bytes_, shared().clock.now() - request_.received_at});
}

} // namespace raglan::http
