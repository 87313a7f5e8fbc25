#include "balancer/exchange.h"

#include <sys/epoll.h>

#include <algorithm>

#include "balancer/content_key.h"
#include "balancer/forwarded_head.h"
#include "balancer/worker.h"
#include "http/error_table.h"
#include "http/request_target.h"
#include "policy/outcome.h"

namespace raglan::balancer {
namespace {

using Io = Socket::Io;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// Before others have their turn.
constexpr int kRoundsAtATime = 16;
// Of a client, within a timeout: with less it is as if nothing had come, or gone. One byte a minute
// would hold a host for ever.
constexpr std::size_t kProgressBytes = 16 * 1024;

// What of Raglan's API only asks, though by POST, as well.
bool does_no_harm_twice(const RequestHead& head) {
  if (http::is_idempotent(head.method)) return true;
  constexpr std::string_view kQuestions[] = {"/v1/query", "/v1/search", "/v1/embeddings",
                                             "/v1/chat/completions"};
  return head.method == "POST" && std::ranges::find(kQuestions, head.path) != std::end(kQuestions);
}

} // namespace

Exchange::Exchange(Worker& worker, ClientSide client)
    : worker_(worker),
      client_(client),
      to_host_(client.in, worker.loop().blocks()),
      answer_in_(worker.loop().blocks()),
      to_client_(answer_in_, worker.loop().blocks()),
      live_(worker.retry_budget().begin_request()) {}

Exchange::~Exchange() { leave_host(); }

void Exchange::wait(TimeoutQueue& queue) { queue.start(client_.timed, worker_.loop().now()); }

void Exchange::on_upstream() { client_.watcher.on_events(0); }

void Exchange::begin(const RequestHead& head, std::size_t head_bytes) {
  old_client_ = head.minor_version == 0;
  head_method_ = head.method == "HEAD";
  upgrades_ = head.upgrades;
  repeatable_ = does_no_harm_twice(head);
  frame_request(head);
  if (state_ != State::kRelaying) return;
  keep_alive_ = head.keep_alive;
  append_forwarded(head,
                   {.client = client_.address.text,
                    .scheme = "http",
                    .request_id = client_.request_id,
                    .trusted = client_.address.trusted},
                   to_host_.out);
  route_ = &worker_.choice().route_of(head.path);
  key_.client = client_.address.hash;
  const Answerer answerer = answerer_of(worker_.own_answers(), head.path);
  if (answerer == Answerer::kNobody) {
    keep_alive_ = false; // the request is not taken out of client_.in
    return refuse({ErrorCode::kNotFound, "there is no such route", {}});
  }
  own_ = answerer == Answerer::kBalancer;
  body_begin_ = to_host_.out.size();
  const bool by_body = waits_for_body(head);
  client_.in.consume(head_bytes);
  to_host_.out.keep_consumed();
  request_bytes_ = head_bytes;
  if (auto ok = to_host_.take_body(worker_.limits().max_body_bytes); !ok) {
    return refuse(std::move(ok.error()));
  }
  request_bytes_ += to_host_.out.size() - body_begin_;
  request_done_ = to_host_.body.done();
  if (head.expects_continue && !request_done_) to_client_.out.append(kContinue);
  waiting_for_body_ = by_body && !request_done_;
  if (waiting_for_body_) return wait(worker_.timeouts().response);
  if (by_body) choose_by_body();
  connect(choose());
}

bool Exchange::waits_for_body(const RequestHead& head) const {
  return route_->strategy == policy::Strategy::kAffinity &&
         asks_by_content(head.method, head.path) && head.framing.content_length &&
         *head.framing.content_length + Relay::kLeastRoomBytes <= to_host_.out.room_bytes();
}

void Exchange::choose_by_body() {
  key_.content = content_key(to_host_.out.bytes().substr(body_begin_));
}

void Exchange::frame_request(const RequestHead& head) {
  if (head.framing.chunked) {
    to_host_.body = http::BodyDecoder::chunked();
  } else if (head.framing.content_length) {
    if (*head.framing.content_length > worker_.limits().max_body_bytes) {
      return refuse({ErrorCode::kTooLarge, "the body is larger than the server accepts", {}});
    }
    to_host_.body = http::BodyDecoder::with_length(*head.framing.content_length);
  }
}

std::shared_ptr<Host> Exchange::choose() {
  if (own_) return tried_.empty() ? worker_.own_answers().host : nullptr;
  if (tried_.size() == tried_.capacity()) return nullptr;
  return worker_.choice().choose(*route_, key_, tried_, worker_.loop().now());
}

void Exchange::connect(std::shared_ptr<Host> host, bool fresh) {
  for (host_ = std::move(host); host_; host_ = choose()) {
    host_->in_flight.fetch_add(1, std::memory_order_relaxed);
    host_->requests.fetch_add(1, std::memory_order_relaxed);
    tried_.push_back(host_.get());
    asked_ = worker_.loop().now();
    upstream_ = worker_.upstreams().take(host_, *this, fresh);
    connecting_ = upstream_ != nullptr;
    if (connecting_) return wait(worker_.timeouts().connect);
    if (worker_.upstreams().lacks_descriptors()) { // and the host is not to blame
      return refuse({ErrorCode::kOverloaded, "the balancer has no connection left", {}});
    }
    host_->connect_failures.fetch_add(1, std::memory_order_relaxed);
    report(policy::ExchangeEnd::kConnectionLost);
    leave_host();
    fresh = false;
  }
  if (tried_.empty()) return refuse({ErrorCode::kUnavailable, "no upstream can be asked", {}});
  refuse({ErrorCode::kUpstream, "no upstream could be reached", {}});
}

Exchange::State Exchange::relay() {
  for (int round = 0; round < kRoundsAtATime && state_ == State::kRelaying; ++round) {
    // A client that closes its side is gone. What it has sent may be there to be read still.
    if (!tunnel_ && client_.socket.hung_up() && (request_done_ || !client_.socket.readable())) {
      cut();
      break;
    }
    const bool there =
        tunnel_ ? relay_tunnel(client_.socket, to_host_, upstream_->socket()) : relay_request();
    if (state_ != State::kRelaying) break;
    const bool back =
        tunnel_ ? relay_tunnel(upstream_->socket(), to_client_, client_.socket) : relay_response();
    if (!there && !back) return state_;
  }
  if (state_ == State::kRelaying) worker_.loop().defer(client_.watcher);
  return state_;
}

bool Exchange::relay_request() {
  if (waiting_for_body_) {
    const bool came = read_request();
    if (!request_done_ || state_ != State::kRelaying) return came;
    waiting_for_body_ = false;
    choose_by_body();
    connect(choose());
    return true;
  }
  if (upstream_ == nullptr || upstream_->connecting()) return false;
  if (upstream_->failed_to_connect()) {
    on_lost(true);
    return true;
  }
  if (std::exchange(connecting_, false)) wait(worker_.timeouts().response);
  const bool sent = send_request();
  if (state_ != State::kRelaying || request_done_) return sent;
  return read_request() || sent;
}

bool Exchange::send_request() {
  Buffer& out = to_host_.out;
  if (out.empty() || !upstream_->socket().writable()) return false;
  const std::size_t before = out.size();
  if (upstream_->socket().write(out) == Io::kFailed) {
    // It may have answered all the same, before it had read all: that is looked for.
    upstream_->socket().note(EPOLLIN);
    out.consume(out.size());
    return true;
  }
  if (request_done_ && out.empty()) wait(worker_.timeouts().response);
  return out.size() < before;
}

bool Exchange::read_request() {
  Buffer& out = to_host_.out;
  if (!to_host_.has_room() && out.keeps_consumed()) out.release_consumed();
  if (!to_host_.has_room()) return false;
  const std::uint64_t limit_bytes = worker_.limits().max_body_bytes;
  const std::size_t before = out.size();
  auto taken = to_host_.take_body(limit_bytes);
  bool moved = out.size() > before;
  if (taken && !moved && client_.socket.readable()) {
    auto io = to_host_.read_body(client_.socket, limit_bytes);
    if (io && (*io == Io::kEnded || *io == Io::kFailed)) {
      cut();
      return false;
    }
    moved = io && *io == Io::kSome;
    if (!io) taken = forward_error(io);
  }
  if (!taken) {
    refuse(std::move(taken.error()));
    return false;
  }
  request_bytes_ += out.size() - before;
  request_done_ = to_host_.body.done();
  // What comes next may need more room than what is kept leaves.
  if (!request_done_ && !client_.in.empty() && out.keeps_consumed()) out.release_consumed();
  if (moved) note_progress(out.size() - before, request_done_);
  return moved;
}

void Exchange::note_progress(std::size_t size_bytes, bool whole) {
  progress_bytes_ += size_bytes;
  if (!whole && progress_bytes_ < kProgressBytes) return;
  progress_bytes_ = 0;
  wait(worker_.timeouts().response);
}

Exchange::Account Exchange::account() const {
  return {.status = status_,
          .host = answered_by_ && !own_ ? std::string_view(answered_by_->address.name)
                                        : std::string_view(),
          .attempts = own_ ? 0 : tried_.size(),
          .request_bytes = request_bytes_,
          .response_bytes = response_bytes_};
}

void Exchange::finish() {
  state_ = State::kDone;
  host_->answers[status_ / 100 % 6].fetch_add(1, std::memory_order_relaxed);
  const auto outcome = policy::outcome_of_status(status_, comes_again_);
  if (outcome != policy::Outcome::kNeutral || status_ < 500) {
    report(outcome == policy::Outcome::kFailure ? policy::ExchangeEnd::kServerError
                                                : policy::ExchangeEnd::kAnswered);
  }
  if (upstream_reusable_ && request_done_ && to_host_.out.empty() && answer_in_.empty()) {
    worker_.upstreams().give_back(*std::exchange(upstream_, nullptr));
  }
  leave_host();
}

void Exchange::report(policy::ExchangeEnd end) {
  const MonotonicTime now = worker_.loop().now();
  // Who fails fast is not quick.
  const bool well = end == policy::ExchangeEnd::kAnswered;
  if (!well) host_->note_failure(now);
  host_->note_latency(well ? answered_at_ - asked_ : worker_.timeouts().response.length(), now);
  worker_.fleet().note_end(*host_, end, now);
}

void Exchange::on_lost(bool never_sent) {
  // A connection that was kept for long may be closed by the host at the moment it is used.
  const bool stale = upstream_->used_before() && !never_sent;
  if (stale) {
    tried_.pop_back();
  } else {
    auto& count = never_sent ? host_->connect_failures : host_->broken;
    count.fetch_add(1, std::memory_order_relaxed);
    report(policy::ExchangeEnd::kConnectionLost);
  }
  const std::shared_ptr<Host> host = host_;
  leave_host();
  const bool again = to_host_.out.keeps_consumed() && (never_sent || repeatable_);
  if (again && !never_sent && !stale && !retry_) {
    retry_ = worker_.retry_budget().try_acquire_retry();
  }
  if (!again || !(never_sent || stale || retry_)) {
    if (stale) host->broken.fetch_add(1, std::memory_order_relaxed);
    return refuse({ErrorCode::kUpstream, "the upstream's answer was lost", {}});
  }
  ask_again(choose(), stale);
}

// The request from its beginning.
void Exchange::ask_again(std::shared_ptr<Host> host, bool fresh) {
  to_host_.out.rewind();
  answer_in_.clear();
  scanner_ = {};
  connect(std::move(host), fresh);
}

// A host that starts or ends has not worked on the request, whatever that asks for: another may, if
// there is one, and nothing more is asked of this one until it is ready. What one refuses that has
// too much to do is asked elsewhere if it does no harm twice, and only so much of it, or all would
// be refused by all.
bool Exchange::pass_to_another(const ResponseHead& head) {
  if (!comes_again_ || own_ || !to_host_.out.keeps_consumed()) return false;
  const bool not_ready = std::ranges::any_of(head.fields, [](const Field& field) {
    return http::equals_ignoring_case(field.name, http::kNotReadyHeader);
  });
  if (not_ready) worker_.fleet().note_not_ready(*host_);
  if (!not_ready && !repeatable_) return false;
  if (!not_ready && !retry_) retry_ = worker_.retry_budget().try_acquire_retry();
  if (!not_ready && !retry_) return false;
  auto other = choose();
  if (!other) return false;
  host_->answers[5].fetch_add(1, std::memory_order_relaxed);
  leave_host();
  ask_again(std::move(other), false);
  return true;
}

void Exchange::leave_host() {
  if (upstream_ != nullptr) worker_.upstreams().close(*std::exchange(upstream_, nullptr));
  if (host_) host_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (response_begun_ && host_) answered_by_ = std::move(host_);
  host_ = nullptr;
}

void Exchange::refuse(Error error) {
  leave_host();
  if (response_begun_) return cut();
  if (!to_host_.body.done()) keep_alive_ = false;
  error_ = std::move(error);
  state_ = State::kRefused;
}

void Exchange::cut() {
  if (host_ && request_done_ && !response_begun_) note_given_up();
  leave_host();
  state_ = State::kCut;
}

// The client has waited long enough. How long an answer takes is not known, but that it takes
// longer; not that the host failed: clients could have it ejected by leaving at once.
void Exchange::note_given_up() {
  const MonotonicTime now = worker_.loop().now();
  const Duration waited = now - asked_;
  if (waited > host_->latency()) host_->note_latency(waited, now);
}

void Exchange::on_overdue() {
  // Else it is the client, which takes nothing, or sends nothing.
  const bool host_is_late =
      host_ && (response_begun_ ? to_client_.out.empty() : request_done_ || !to_host_.out.empty());
  if (host_is_late && !tunnel_ && !(upstream_ != nullptr && upstream_->connecting())) {
    host_->timeouts.fetch_add(1, std::memory_order_relaxed);
    report(policy::ExchangeEnd::kConnectionLost);
  }
  if (response_begun_) {
    cut();
  } else if (upstream_ != nullptr && upstream_->connecting()) {
    on_lost(true);
  } else if (!host_is_late) {
    refuse({ErrorCode::kRequestTimeout, "the request did not arrive in time", {}});
  } else {
    refuse({ErrorCode::kDeadlineExceeded, "the upstream did not answer in time", {}});
  }
}

} // namespace raglan::balancer
