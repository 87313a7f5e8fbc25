// A client's connection: its requests in turn, each an Exchange with a host.
//
// Everything happens in on_events, which goes on until nothing more can be done, each time that
// something may be. Between requests a connection has no buffers, and no exchange.
//
// Thread safety: none; of one loop.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "balancer/exchange.h"
#include "base/ids.h"

namespace raglan::balancer {

class Worker;

class Downstream final : public Loop::Watcher, public Timed {
 public:
  Downstream(Worker& worker, Socket socket, ClientAddress address);
  ~Downstream();

  void on_events(std::uint32_t events) override;
  void on_overdue() override;
  // There are too many: it is told so, and closed.
  void refuse_connection();
  // No request after the one under way.
  void drain();

 private:
  struct LoggedRequest {
    WallTime began{};
    MonotonicTime began_at{};
    std::string method;
    std::string path;
    int minor_version = 1;
    std::string referer;
    std::string user_agent;
  };
  enum class Phase : std::uint8_t {
    kProxy,     // who the client is, from the proxy in front
    kHead,      // of a request: it has not come whole, or not at all
    kExchange,  // of the request with a host
    kAnswering, // with an answer of our own
    kLingering, // all is said; what still comes is thrown away, so that it is not lost on the way
    kClosed,
  };

  // Each: whether there may be more to do at once.
  bool read_proxy_header();
  bool read_head();
  bool exchange(Exchange::State state);
  bool answer();
  bool linger();

  void begin_exchange(std::size_t head_bytes);
  // What the access log will say of it, if there is one.
  void note_request(const RequestHead& head);
  void log_request(const Exchange::Account& account, std::string_view end);
  void make_request_id();
  std::string_view request_id() const { return {request_id_.data(), request_id_.size()}; }
  void await_request();
  void refuse(const Error& error);
  void end_connection();
  void close();

  Worker& worker_;
  Socket socket_;
  ClientAddress address_;
  Phase phase_ = Phase::kHead;
  bool keep_alive_ = false; // after an answer of our own
  bool draining_ = false;
  HeadScanner scanner_;
  Buffer in_;
  Buffer out_;                                // of our own answers
  std::array<char, kUuidBytes> request_id_{}; // of the present request
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<LoggedRequest> logged_; // null: there is no access log, or no request
};

} // namespace raglan::balancer
