// One request and its answer, on their way between a client and a host.
//
// Both directions stream: what comes is passed on, and what cannot be passed on is not read. The
// answer may begin, and end, before the request has.
//
// A request is given to another host while nothing of an answer has come and all that came of it is
// still here (it fits into a buffer), when it cannot have been worked on (no connection), or does
// no harm twice. Else its loss is told to the client.
//
// Thread safety: none; of one loop.
#pragma once

#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

#include "balancer/host_choice.h"
#include "balancer/message_head.h"
#include "balancer/relay.h"
#include "balancer/upstream.h"
#include "base/result.h"
#include "policy/retry_budget.h"

namespace raglan::balancer {

class Worker;

struct ClientAddress {
  std::string text;
  bool trusted = false; // a proxy, whose word on those before it is passed on
  std::uint64_t hash = std::hash<std::string>()(text);
};

// Of the client's connection, on which the exchange takes place.
struct ClientSide {
  Socket& socket;
  Buffer& in;   // what was read of it: the rest of the request, and what comes behind
  Timed& timed; // waits in the worker's timeouts
  Loop::Watcher& watcher;
  const ClientAddress& address;
  std::string_view request_id;
};

class Exchange final : private Upstream::User {
 public:
  enum class State : std::uint8_t {
    kRelaying, // it waits for one of the two
    kRefused,  // nothing was answered: error() is to be
    kDone,     // answered to the end
    kCut,      // the answer has begun and cannot be ended, or nobody is there to hear it
  };

  Exchange(Worker& worker, ClientSide client);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // `head` is at the front of client.in, head_bytes long.
  void begin(const RequestHead& head, std::size_t head_bytes);
  // Goes on as far as it goes.
  State relay();
  // It took too long; what follows from that is for relay().
  void on_overdue();

  const Error& error() const { return error_; } // of kRefused
  // Whether another request may follow on the client's connection.
  bool keep_alive() const { return keep_alive_; }
  // No further request is to be taken: the answer says so, if it has not begun.
  void end_connection() { keep_alive_ = false; }
  bool is_head() const { return head_method_; }

  // For the access log.
  struct Account {
    int status = 0; // 0: no answer has begun
    std::string_view host;
    std::size_t attempts = 0;
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
  };
  Account account() const;

  // What was not sent yet, of an interim answer: in front of that of kRefused.
  Buffer& unsent() { return to_client_.out; }

 private:
  void on_upstream() override;

  void frame_request(const RequestHead& head);
  // The host is chosen by the body, where the strategy wants that and the body is not too large: it
  // must be whole then.
  bool waits_for_body(const RequestHead& head) const;
  void choose_by_body();
  // Null: there is none beside those that were tried.
  std::shared_ptr<Host> choose();
  void connect(std::shared_ptr<Host> host, bool fresh = false);
  void ask_again(std::shared_ptr<Host> host, bool fresh);
  bool pass_to_another(const ResponseHead& head);
  // Each: whether anything moved.
  bool relay_request();
  bool relay_response();
  bool send_request();
  bool read_request();
  bool read_response_head();
  bool read_response_body();

  void begin_response(std::size_t head_bytes);
  void frame_response(const ResponseHead& head);
  // The host's fault.
  void refuse_answer(Error error);
  bool relay_tunnel(Socket& from, Relay& relay, Socket& to);
  void finish();
  void on_lost(bool never_sent);
  void leave_host();
  // What it says of the host.
  void report(policy::ExchangeEnd end);
  void refuse(Error error);
  void cut();
  void note_given_up();
  // The client has sent so much, or taken it; `whole`: there is no more.
  void note_progress(std::size_t size_bytes, bool whole);
  void wait(TimeoutQueue& queue);

  Worker& worker_;
  const ClientSide client_;
  State state_ = State::kRelaying;
  Error error_;
  Relay to_host_;    // the request
  Buffer answer_in_; // of the host, as it came
  HeadScanner scanner_;
  Relay to_client_; // the answer
  Upstream* upstream_ = nullptr;
  std::shared_ptr<Host> host_; // counted as at work for this
  HostChoice::Route* route_ = nullptr;
  policy::RequestKey key_;
  std::size_t body_begin_ = 0; // in to_host_.out, while nothing of that is sent
  boost::container::static_vector<const Host*, kMaxAttempts> tried_;
  MonotonicTime asked_{};
  MonotonicTime answered_at_{}; // the last byte came from the host
  policy::RetryBudget::Permit live_;
  std::optional<policy::RetryBudget::Permit> retry_;
  int status_ = 0;
  std::shared_ptr<Host> answered_by_; // it is left, and has answered
  std::uint64_t request_bytes_ = 0;
  std::uint64_t response_bytes_ = 0;
  bool comes_again_ = false; // the answer says when to: the host is well, and has much to do
  bool repeatable_ = false;
  bool head_method_ = false;
  bool old_client_ = false; // HTTP/1.0
  bool upgrades_ = false;
  bool keep_alive_ = false;
  std::size_t progress_bytes_ = 0;
  bool connecting_ = false; // and the timeout is for that
  bool own_ = false;        // for the balancer itself
  bool waiting_for_body_ = false;
  bool request_done_ = false;   // all of it was read
  bool response_begun_ = false; // its head was
  bool upstream_reusable_ = false;
  bool tunnel_ = false;
};

} // namespace raglan::balancer
