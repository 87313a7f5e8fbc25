// One client connection: reads requests, calls the handler, writes the answers, in turn.
// Internal to http/.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.h"
#include "http/response.h"
#include "http/server_loop.h"

namespace raglan::http {

// Up to three byte ranges on their way out; consumed from the front.
class Outgoing {
 public:
  explicit Outgoing(std::string_view first, std::string_view second = {},
                    std::string_view third = {});
  const std::array<boost::asio::const_buffer, 3>& buffers() const { return buffers_; }
  std::size_t size_bytes() const { return boost::asio::buffer_size(buffers_); }
  void consume(std::size_t size_bytes);

 private:
  std::array<boost::asio::const_buffer, 3> buffers_;
};

class Connection final : public StreamWriter {
 public:
  Connection(ServerLoop::Socket socket, std::string remote_address,
             std::shared_ptr<ServerLoop> loop, bool over_limit);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  net::Task<> run();
  boost::asio::cancellation_slot cancellation_slot() { return cancellation_.slot(); }
  bool over_limit() const { return over_limit_; }

  // Called by the sweep and by drain, on the loop, while run() is suspended.
  void close_if_overdue(MonotonicTime now);
  void close_if_idle();
  void cancel(); // the client is gone, or the server stops
  bool is_handling() const { return phase_ == Phase::kHandling; }
  int native_socket() { return socket_.native_handle(); }

  net::Task<Result<>> write(std::string_view bytes) override; // StreamWriter

 private:
  enum class Phase { kIdle, kHead, kBody, kHandling, kWriting, kLingering };

  // Reading.
  Result<> parse();
  Result<> admit_body(std::uint64_t announced_bytes);
  void wait_for_request();
  void enter_phase_after_parse();
  boost::asio::mutable_buffer free_space();
  bool has_unread_input() const { return input_begin_ < input_end_; }

  // Answering.
  net::Task<> answer();
  void tell_load(Response& response);
  Response internal_error() const;
  Outgoing start_response(Response& response);
  net::Task<> finish_response(const Response& response, Outgoing rest);
  bool has_body(const Response& response) const;
  net::Task<> send_stream(const Response& response);
  net::Task<> on_read_failure();
  void close_unless_asked();
  net::Task<> refuse(Error error);
  net::Task<bool> flush(Outgoing out);
  // Writes what the socket takes at once; false when the connection is broken.
  bool send_now(Outgoing& out);
  net::Task<> linger();
  void report(int status);

  ServerShared& shared() const { return *loop_->shared; }

  ServerLoop::Socket socket_;
  const std::string remote_address_;
  const std::shared_ptr<ServerLoop> loop_;
  const bool over_limit_;
  boost::asio::cancellation_signal cancellation_;

  Phase phase_ = Phase::kIdle;
  MonotonicTime due_ = MonotonicTime::max(); // when the sweep takes the present phase for overdue
  MonotonicTime phase_began_{};
  bool timed_out_ = false;
  bool cancelled_ = false; // nothing may be awaited any more
  bool closing_ = false;   // no request after this one
  bool broken_ = false;    // a write failed: the rest of the answer is worthless
  bool must_linger_ =
      false; // the client may still be sending: a plain close would reset its answer

  std::vector<char> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  RequestParser parser_;
  Request request_;
  bool sent_continue_ = false;
  std::size_t requests_ = 0;
  std::uint64_t received_body_bytes_ = 0;
  std::uint64_t sent_body_bytes_ = 0;
  std::string output_;
};

} // namespace raglan::http
