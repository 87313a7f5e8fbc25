#include "balancer/downstream.h"

#include "balancer/proxy_protocol.h"
#include "balancer/worker.h"
#include "http/error_table.h"
#include "http/http_date.h"

namespace raglan::balancer {

using Io = Socket::Io;

namespace {

// Of one client, before others have their turn.
constexpr int kStepsAtATime = 64;

} // namespace

Downstream::Downstream(Worker& worker, Socket socket, ClientAddress address)
    : worker_(worker),
      socket_(std::move(socket)),
      address_(std::move(address)),
      in_(worker.loop().blocks()),
      out_(worker.loop().blocks()) {
  const bool proxied = worker.expects_proxy_header() && address_.trusted;
  if (proxied) phase_ = Phase::kProxy;
  auto& timeouts = worker_.timeouts();
  (proxied ? timeouts.header : timeouts.idle).start(*this, worker_.loop().now());
}

Downstream::~Downstream() { TimeoutQueue::stop(*this); }

void Downstream::on_events(std::uint32_t events) {
  socket_.note(events);
  bool more = true;
  for (int step = 0; more; ++step) {
    if (step == kStepsAtATime) return worker_.loop().defer(*this);
    switch (phase_) {
      case Phase::kProxy: more = read_proxy_header(); break;
      case Phase::kHead: more = read_head(); break;
      case Phase::kExchange: more = exchange(exchange_->relay()); break;
      case Phase::kAnswering: more = answer(); break;
      case Phase::kLingering: more = linger(); break;
      case Phase::kClosed: return;
    }
  }
}

// Nobody is told what is wrong: it is a proxy that would hear it, in the middle of something else.
bool Downstream::read_proxy_header() {
  const auto proxied = parse_proxy_header(in_.bytes());
  if (!proxied) {
    close();
    return false;
  }
  if (*proxied) {
    if ((*proxied)->source) address_ = worker_.client_at(*(*proxied)->source);
    in_.consume((*proxied)->header_bytes);
    await_request();
    return true;
  }
  if (!socket_.readable()) return false;
  const Io io = socket_.read(in_);
  if (io == Io::kEnded || io == Io::kFailed) {
    close();
    return false;
  }
  return io == Io::kSome;
}

bool Downstream::read_head() {
  auto end = scanner_.find_end(in_.bytes());
  if (!end) {
    refuse(end.error());
    return true;
  }
  if (*end > 0) {
    begin_exchange(*end);
    return true;
  }
  if (in_.size() > worker_.limits().max_header_bytes) {
    refuse({ErrorCode::kHeadersTooLarge, "the request's header fields are too large", {}});
    return true;
  }
  if (!socket_.readable()) return false;
  const bool idle = in_.empty();
  const Io io = socket_.read(in_);
  if (io == Io::kEnded || io == Io::kFailed) {
    close();
    return false;
  }
  if (io == Io::kSome && idle) worker_.timeouts().header.start(*this, worker_.loop().now());
  return io == Io::kSome;
}

void Downstream::begin_exchange(std::size_t head_bytes) {
  make_request_id();
  RequestHead& head = worker_.request_head();
  const auto bytes = in_.bytes().substr(0, head_bytes);
  if (auto ok = parse_request_head(bytes, worker_.limits(), head); !ok) {
    return refuse(ok.error());
  }
  note_request(head);
  exchange_ = std::make_unique<Exchange>(worker_, ClientSide{.socket = socket_,
                                                             .in = in_,
                                                             .timed = *this,
                                                             .watcher = *this,
                                                             .address = address_,
                                                             .request_id = request_id()});
  phase_ = Phase::kExchange;
  exchange_->begin(head, head_bytes);
  if (draining_) exchange_->end_connection();
}

void Downstream::note_request(const RequestHead& head) {
  if (worker_.access_log() == nullptr) return;
  logged_ = std::make_unique<LoggedRequest>(LoggedRequest{.began = worker_.clock().wall_now(),
                                                          .began_at = worker_.loop().now(),
                                                          .method = std::string(head.method),
                                                          .path = std::string(head.path),
                                                          .minor_version = head.minor_version});
  for (const Field& field : head.fields) {
    if (field.kind != FieldKind::kOther) continue;
    if (http::equals_ignoring_case(field.name, "referer")) logged_->referer = field.value;
    if (http::equals_ignoring_case(field.name, "user-agent")) logged_->user_agent = field.value;
  }
}

void Downstream::log_request(const Exchange::Account& account, std::string_view end) {
  AccessLog* const log = worker_.access_log();
  if (log == nullptr) return;
  LoggedRequest request; // of one that could not be read, when there is nothing
  if (logged_) {
    request = std::move(*logged_);
  } else {
    request.began = worker_.clock().wall_now();
    request.began_at = worker_.loop().now();
  }
  logged_.reset();
  log->add({.began = request.began,
            .took = worker_.loop().now() - request.began_at,
            .client = address_.text,
            .method = request.method,
            .path = request.path,
            .minor_version = request.minor_version,
            .status = account.status,
            .request_bytes = account.request_bytes,
            .response_bytes = account.response_bytes,
            .host = account.host,
            .attempts = account.attempts,
            .request_id = request_id(),
            .referer = request.referer,
            .user_agent = request.user_agent,
            .tenant = {},
            .end = end});
}

void Downstream::make_request_id() { write_uuid7(worker_.clock().wall_now(), request_id_); }

bool Downstream::exchange(Exchange::State state) {
  switch (state) {
    case Exchange::State::kRelaying: return false;
    case Exchange::State::kCut:
      log_request(exchange_->account(), "cut");
      close();
      return false;
    case Exchange::State::kRefused: {
      keep_alive_ = exchange_->keep_alive();
      out_.take(exchange_->unsent());
      const Error error = exchange_->error();
      refuse(error);
      return true;
    }
    case Exchange::State::kDone: break;
  }
  const bool keep_alive = exchange_->keep_alive();
  log_request(exchange_->account(), "done");
  exchange_.reset();
  if (keep_alive) {
    await_request();
  } else {
    end_connection();
  }
  return true;
}

void Downstream::await_request() {
  keep_alive_ = false;
  phase_ = Phase::kHead;
  auto& timeouts = worker_.timeouts();
  (in_.empty() ? timeouts.idle : timeouts.header).start(*this, worker_.loop().now());
}

// With an answer of our own. Unless keep_alive_ says so, nobody knows where a next request begins.
void Downstream::refuse(const Error& error) {
  const bool head_method = exchange_ && exchange_->is_head();
  if (!exchange_) make_request_id();
  const http::Response response = http::error_response(error, request_id());
  std::string head;
  http::append_head(head, response,
                    {.date = http::http_date(worker_.clock().wall_now()),
                     .request_id = {},
                     .body_bytes = response.body.size(),
                     .close = !keep_alive_});
  Exchange::Account account = exchange_ ? exchange_->account() : Exchange::Account{};
  account.status = response.status;
  account.response_bytes = head.size() + (head_method ? 0 : response.body.size());
  log_request(account, "refused");
  exchange_.reset();
  out_.append(head);
  if (!head_method) out_.append(response.body);
  phase_ = Phase::kAnswering;
  worker_.timeouts().response.start(*this, worker_.loop().now());
}

bool Downstream::answer() {
  if (!socket_.writable()) return false;
  const Io io = socket_.write(out_);
  if (io == Io::kFailed) close();
  if (io != Io::kSome) return false;
  if (keep_alive_) {
    await_request();
  } else {
    end_connection();
  }
  return true;
}

// A plain close would reset what the client has not read yet, when it still sends.
void Downstream::end_connection() {
  socket_.finish_writing();
  in_.clear();
  phase_ = Phase::kLingering;
  worker_.timeouts().linger.start(*this, worker_.loop().now());
}

bool Downstream::linger() {
  if (!socket_.readable()) return false;
  const Io io = socket_.read(in_);
  in_.clear();
  if (io == Io::kEnded || io == Io::kFailed) close();
  return io == Io::kSome; // in turns: on_events
}

void Downstream::on_overdue() {
  switch (phase_) {
    case Phase::kExchange: exchange_->on_overdue(); return on_events(0);
    case Phase::kHead:
      if (in_.empty()) return close();
      refuse({ErrorCode::kRequestTimeout, "the request did not arrive in time", {}});
      return on_events(0);
    case Phase::kProxy:
    case Phase::kAnswering:
    case Phase::kLingering: return close();
    case Phase::kClosed: return;
  }
}

void Downstream::refuse_connection() {
  refuse({ErrorCode::kOverloaded, "there are too many connections", {}});
  on_events(0);
}

void Downstream::drain() {
  draining_ = true;
  if (exchange_) exchange_->end_connection();
  keep_alive_ = false;
  if (phase_ <= Phase::kHead && in_.empty()) close();
}

void Downstream::close() {
  phase_ = Phase::kClosed;
  exchange_.reset();
  TimeoutQueue::stop(*this);
  in_.clear();
  out_.clear();
  worker_.loop().unwatch(socket_.descriptor());
  worker_.remove(*this);
}

} // namespace raglan::balancer
