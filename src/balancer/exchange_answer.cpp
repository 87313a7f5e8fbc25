// The answer's half of an exchange: from the host to the client.
#include <algorithm>

#include "balancer/exchange.h"
#include "balancer/forwarded_head.h"
#include "balancer/worker.h"
#include "http/error_table.h"

namespace raglan::balancer {
namespace {

using Io = Socket::Io;

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

Error bad_answer() { return {ErrorCode::kUpstream, "the upstream's answer is no HTTP", {}}; }

} // namespace

bool Exchange::relay_response() {
  bool sent = false;
  Buffer& out = to_client_.out;
  if (!out.empty() && client_.socket.writable()) {
    const std::size_t before = out.size();
    if (client_.socket.write(out) == Io::kFailed) {
      cut();
      return false;
    }
    sent = out.size() < before;
    response_bytes_ += before - out.size();
    if (sent) note_progress(before - out.size(), out.empty());
  }
  if (response_begun_ && to_client_.body.done()) {
    if (out.empty()) finish();
    return sent;
  }
  if (upstream_ == nullptr || upstream_->connecting()) return sent;
  const bool came = response_begun_ ? read_response_body() : read_response_head();
  return came || sent;
}

bool Exchange::read_response_head() {
  bool moved = false;
  if (upstream_->socket().readable()) {
    const Io io = upstream_->socket().read(answer_in_);
    if (io == Io::kEnded || io == Io::kFailed) {
      on_lost(false);
      return true;
    }
    moved = io == Io::kSome;
    if (moved) wait(worker_.timeouts().response);
  }
  while (state_ == State::kRelaying && !response_begun_ && !answer_in_.empty()) {
    auto end = scanner_.find_end(answer_in_.bytes());
    if (!end || *end > kMaxHeadBytes || (*end == 0 && answer_in_.size() > kMaxHeadBytes)) {
      refuse_answer(bad_answer());
      break;
    }
    if (*end == 0) break;
    begin_response(*end);
    moved = true;
  }
  return moved;
}

void Exchange::refuse_answer(Error error) {
  host_->broken.fetch_add(1, std::memory_order_relaxed);
  report(policy::ExchangeEnd::kConnectionLost);
  refuse(std::move(error));
}

void Exchange::begin_response(std::size_t head_bytes) {
  ResponseHead& head = worker_.response_head();
  if (auto ok = parse_response_head(answer_in_.bytes().substr(0, head_bytes), head); !ok) {
    return refuse_answer(std::move(ok.error()));
  }
  if (head.status < 200 && head.status != 101) {
    // "100 Continue" was said by us; the others are for clients that know them, and can be left
    // out.
    const bool passes = head.status != 100 && !old_client_ && to_client_.out.empty() &&
                        head_bytes <= kForwardedBytes;
    if (passes) append_forwarded(head, {}, to_client_.out);
    return answer_in_.consume(head_bytes);
  }
  if (head.status == 101 && !upgrades_) return refuse_answer(bad_answer());
  comes_again_ = head.status == 503 && std::ranges::any_of(head.fields, [](const Field& field) {
                   return http::equals_ignoring_case(field.name, "retry-after");
                 });
  if (comes_again_) host_->note_failure(worker_.loop().now());
  if (pass_to_another(head)) return;
  frame_response(head);
  Buffer& out = to_client_.out;
  const std::size_t unsent = out.size();
  append_forwarded(head,
                   {.request_id = client_.request_id,
                    .close = !keep_alive_,
                    .announce_keep_alive = keep_alive_ && old_client_},
                   out);
  answer_in_.consume(head_bytes);
  tunnel_ = head.status == 101;
  if (!tunnel_ && !to_client_.take_body(kNoLimit)) {
    out.remove_suffix(out.size() - unsent);
    return refuse_answer(bad_answer());
  }
  status_ = head.status;
  response_begun_ = true;
  answered_at_ = worker_.loop().now();
  to_host_.out.release_consumed();
}

void Exchange::frame_response(const ResponseHead& head) {
  bool ends_with_connection = head.status == 101;
  to_client_.body = {};
  if (!head_method_ && has_body(head.status)) {
    if (head.framing.chunked) {
      to_client_.body = http::BodyDecoder::chunked();
    } else if (head.framing.content_length) {
      to_client_.body = http::BodyDecoder::with_length(*head.framing.content_length);
    } else {
      to_client_.body = http::BodyDecoder::until_close();
      ends_with_connection = true;
    }
  }
  upstream_reusable_ = !ends_with_connection && !old_client_ && !head.framing.close &&
                       (head.minor_version == 1 || head.framing.keep_alive);
  // Behind a request that has not come whole nobody knows where the next one begins.
  keep_alive_ = keep_alive_ && !ends_with_connection && request_done_;
}

bool Exchange::read_response_body() {
  if (!to_client_.has_room()) return false;
  const std::size_t before = to_client_.out.size();
  if (!to_client_.take_body(kNoLimit)) {
    cut();
    return false;
  }
  if (to_client_.body.done()) answered_at_ = worker_.loop().now();
  if (to_client_.out.size() > before || to_client_.body.done()) return true;
  if (!upstream_->socket().readable()) return false;
  const auto io = to_client_.read_body(upstream_->socket(), kNoLimit);
  if (io && *io == Io::kEnded && to_client_.body.ends_with_connection()) {
    to_client_.body = {};
    answered_at_ = worker_.loop().now();
    return true;
  }
  if (!io || *io == Io::kEnded || *io == Io::kFailed) {
    host_->broken.fetch_add(1, std::memory_order_relaxed);
    report(policy::ExchangeEnd::kConnectionLost);
    cut(); // the client sees that the answer is not whole
    return false;
  }
  if (*io != Io::kSome) return false;
  answered_at_ = worker_.loop().now();
  wait(worker_.timeouts().response);
  return true;
}

bool Exchange::relay_tunnel(Socket& from, Relay& relay, Socket& to) {
  bool moved = false;
  if (!relay.in.empty() && relay.out.empty()) relay.out.take(relay.in);
  if (!relay.out.empty() && to.writable()) {
    const std::size_t before = relay.out.size();
    if (to.write(relay.out) == Io::kFailed) {
      cut();
      return false;
    }
    (&relay == &to_client_ ? response_bytes_ : request_bytes_) += before - relay.out.size();
    moved = true;
  }
  if (from.readable() && relay.in.empty() && relay.has_room()) {
    const Io io = from.read(relay.out);
    if (io == Io::kSome) moved = true;
    // What was said before the end goes out first.
    if ((io == Io::kEnded || io == Io::kFailed) && relay.out.empty()) {
      cut();
      return false;
    }
  }
  if (moved) wait(worker_.timeouts().tunnel);
  return moved;
}

} // namespace raglan::balancer
