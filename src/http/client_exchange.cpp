#include "http/client_exchange.h"
#include "http/request_target.h"

#include <fmt/format.h>

#include <array>

namespace raglan::http {
namespace {

// The client frames messages itself, and asks for nothing that it does not understand.
bool is_clients_own(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kOwn = {
      "host",   "content-length", "transfer-encoding", "connection", "keep-alive",
      "expect", "upgrade"};
  for (const auto own : kOwn) {
    if (equals_ignoring_case(name, own)) return true;
  }
  return false;
}

bool is_sendable(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

// Whether a body is expected, so that its absence must be said (RFC 9110, 8.6).
bool announces_length(const ClientRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
         request.method == "PATCH";
}

} // namespace

Result<OutgoingRequest> make_outgoing(ClientRequest request, const ClientConfig& config) {
  auto url = parse_url(request.url);
  if (!url) return forward_error(url);
  if (!is_token(request.method) || request.method == "CONNECT") {
    return fail(ErrorCode::kMalformedRequest, "not a method that can be sent");
  }
  for (const Header field : request.headers) {
    if (!is_token(field.name) || !is_sendable(field.value)) {
      return fail(ErrorCode::kMalformedRequest, "not a header field that can be sent");
    }
  }
  OutgoingRequest outgoing;
  outgoing.origin = Origin::of(*url);
  outgoing.bodiless_answer = request.method == "HEAD";
  outgoing.repeatable = request.repeatable || is_idempotent(request.method);
  outgoing.limits = config.limits;
  outgoing.limits.max_body_bytes = request.max_body_bytes.value_or(config.limits.max_body_bytes);

  const auto host = request.headers.find("host");
  outgoing.head = fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, url->target,
                              host ? *host : url->authority());
  for (const Header field : request.headers) {
    if (is_clients_own(field.name)) continue;
    outgoing.head += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  if (announces_length(request)) {
    outgoing.head += fmt::format("content-length: {}\r\n", request.body.size());
  }
  outgoing.head += "\r\n";
  outgoing.body = std::move(request.body);
  return outgoing;
}

ClientExchange::ClientExchange(ClientLoop::Lease lease, std::shared_ptr<ClientLoop> loop,
                               const OutgoingRequest& request, Deadline deadline)
    : lease_(std::move(lease)),
      loop_(std::move(loop)),
      deadline_(deadline),
      parser_(request.limits, request.bodiless_answer) {}

net::Task<Result<>> ClientExchange::run(const OutgoingRequest& request) {
  auto& connection = *lease_->connection();
  const auto written =
      co_await connection.write(request.head, request.body, deadline_, written_bytes_);
  if (written.end != IoEnd::kProgress) {
    // A server that refuses a body may answer and close before it has taken all of it. The answer
    // is worth more than the news that the pipe is broken.
    const auto failure = explain(written.end, "sending the request");
    ended_by_ = written.end;
    if (written.end != IoEnd::kBroken || written_bytes_ == 0) {
      co_return std::unexpected(failure);
    }
    auto answered = co_await read_head();
    if (answered) head_.keep_alive = false;
    co_return answered;
  }
  co_return co_await read_head();
}

bool ClientExchange::was_stale(const OutgoingRequest& request) const {
  const bool cut_off = ended_by_ == IoEnd::kClosed || ended_by_ == IoEnd::kBroken;
  return cut_off && !answered_ && (request.repeatable || written_bytes_ == 0) &&
         !loop_->shared->closed;
}

net::Task<Result<>> ClientExchange::read_head() {
  auto& connection = *lease_->connection();
  const auto& shared = *loop_->shared;
  const auto due = deadline_.capped(shared.config.answer_timeout, shared.clock.now()).at();
  while (true) {
    const auto arrived = co_await connection.read(due);
    if (arrived.end != IoEnd::kProgress) {
      ended_by_ = arrived.end;
      co_return std::unexpected(explain(arrived.end, "waiting for the answer"));
    }
    answered_ = true;
    auto parsed = parse();
    if (!parsed) co_return parsed;
    if (parser_.head_done()) break;
  }
  // Released at once when there is no body, or all of it is here: another request may want it.
  if (parser_.done()) finish();
  co_return Result<>();
}

Result<> ClientExchange::parse() {
  auto& connection = *lease_->connection();
  while (!connection.input().empty() && !parser_.done()) {
    auto used = parser_.feed(connection.input(), head_, piece_);
    if (!used) return forward_error(used);
    if (*used == 0) break;
    connection.consume(*used);
  }
  return {};
}

net::Task<Result<std::string_view>> ClientExchange::read_body() {
  if (piece_taken_) piece_.clear();
  piece_taken_ = true;
  const auto& shared = *loop_->shared;
  while (piece_.empty() && lease_ && !failure_) {
    const auto due = deadline_.capped(shared.config.body_timeout, shared.clock.now()).at();
    const auto arrived = co_await lease_->connection()->read(due);
    Result<> parsed;
    if (arrived.end == IoEnd::kProgress) {
      parsed = parse();
      if (!parsed) failure_ = std::move(parsed.error());
      if (parsed && parser_.done()) finish();
    } else if (arrived.end == IoEnd::kClosed && parser_.ends_with_connection()) {
      lease_.reset();
    } else {
      failure_ = explain(arrived.end, "reading the answer");
    }
    if (failure_) lease_.reset();
  }
  if (failure_ && piece_.empty()) co_return std::unexpected(*failure_);
  co_return std::string_view(piece_);
}

Error ClientExchange::explain(IoEnd end, std::string_view doing) const {
  if (end == IoEnd::kCancelled) {
    return Error{ErrorCode::kClientClosed, "cancelled", {}};
  }
  if (loop_->shared->closed) {
    return Error{ErrorCode::kUnavailable, "the client is closed", {}};
  }
  if (end == IoEnd::kOverdue) {
    const bool own = deadline_.expired(loop_->shared->clock.now());
    return Error{ErrorCode::kDeadlineExceeded,
                 fmt::format("{} while {}",
                             own ? "the deadline passed" : "the upstream made no progress", doing),
                 {}};
  }
  return Error{ErrorCode::kUpstream,
               fmt::format("the upstream {} the connection while {}",
                           end == IoEnd::kClosed ? "closed" : "broke", doing),
               {}};
}

void ClientExchange::finish() {
  // Bytes behind the answer belong to no request of ours: such a connection is not to be trusted.
  if (head_.keep_alive && lease_->connection()->input().empty()) lease_->keep();
  lease_.reset();
}

} // namespace raglan::http
