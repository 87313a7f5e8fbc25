// The HTTP client for programs that have no event loop: every call blocks its thread.
//
//   BlockingClient client;
//   auto response = client.send({.url = "http://127.0.0.1:8080/ready"}, seconds(5));
//
// It owns one event loop with its thread, and one Client on it. For command lines, tests, and
// threads that may block anyway; what runs on event loops uses http::Client.
//
// Thread safety: every member may be called from any thread but the callback's. Destroy it when no
// call is under way.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string_view>

#include "base/guarded.h"
#include "http/client.h"

namespace raglan::http {

class BlockingClient {
 public:
  // Takes a piece of a body; false ends the request. Called on the client's own thread, while the
  // caller of `stream` is blocked.
  using OnPiece = std::function<bool(std::string_view)>;

  explicit BlockingClient(ClientConfig config = {});
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  // Errors: those of http/client.h.
  Result<ClientResponse> send(ClientRequest request, Duration patience);

  // As `send`, but the body of a 2xx answer goes to `on_piece` as it comes, and the response's is
  // empty. kClientClosed when `on_piece` has ended it.
  Result<ClientResponse> stream(ClientRequest request, Duration patience, const OnPiece& on_piece);

  // Ends the calls under way, and refuses later ones, with kClientClosed.
  void interrupt();

  ClientStats stats() const { return client_.stats(); }

 private:
  using Signal = std::shared_ptr<boost::asio::cancellation_signal>; // emitted on the loop
  struct Calls {
    std::set<Signal> under_way;
    bool interrupted = false;
  };

  void cancel(const Signal& signal);
  Result<ClientResponse> wait_for(net::Task<Result<ClientResponse>> task);
  net::Task<Result<ClientResponse>> run_stream(ClientRequest request, Deadline deadline,
                                               const OnPiece& on_piece);

  Guarded<Calls> calls_;
  net::EventLoops loops_;
  Client client_;
};

} // namespace raglan::http
