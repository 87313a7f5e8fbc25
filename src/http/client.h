// The HTTP/1.1 client: keep-alive pools, TLS, deadlines, streamed answers.
//
//   Client client({}, loops);
//   ClientRequest request{.method = "POST", .url = "https://host/v1/embeddings", .body = text};
//   Result<ClientResponse> response = co_await client.send(std::move(request), deadline);
//
// or, when the answer is to be read as it comes (server-sent events):
//
//   Result<ResponseStream> stream = co_await client.open(std::move(request), deadline);
//   while (true) {
//     Result<std::string_view> piece = co_await stream->read();
//     if (!piece) co_return forward_error(piece);
//     if (piece->empty()) break;                       // the whole answer has been read
//   }
//
// Every status is an answer, not an error; redirects are answers too and are not followed. Errors:
//   kMalformedRequest  the URL, method or a header field cannot be sent
//   kUnavailable       no connection: unknown name, refused, timed out, certificate not valid
//   kUpstream          the connection broke before the answer was whole, or it is not HTTP, or
//                      it is larger than the limits
//   kDeadlineExceeded  the deadline, or a timeout of the config after the connection was made
//   kOverloaded        too many requests wait for a connection to this host, or for a name
//   kClientClosed      the awaiting coroutine was cancelled
//
// Connections. Each event loop has its own pool, so no lock is taken; a host's bound is shared out
// evenly between the loops. At the bound, requests wait in the order they came. A connection goes
// back to its pool only when its answer has been read to the end; one whose request failed, was
// cancelled, or whose ResponseStream was destroyed early is closed. A pooled connection on which
// the server has said or closed something meanwhile is not used. Should it break all the same
// before a byte of the answer, the request is sent once more, on a new connection, if that is safe:
// it is idempotent (RFC 9110, 9.2.2), or declared repeatable, or nothing of it was sent. That is
// not a retry policy; see policy/retry_budget.h for that.
//
// TLS is at least 1.2, and verifies the certificate's chain and its name. Proxy variables of the
// environment are not looked at.
//
// Thread safety: `send`, `open` and `read` are awaited on the loops given to the constructor, a
// stream on the loop that opened it. `stats` may be called from any thread; the destructor from a
// thread that is not a loop's. It ends the requests in flight with kUnavailable, and may wait for a
// name lookup that has begun. The loops must outlive the client.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "http/response_parser.h"
#include "net/event_loops.h"
#include "net/resolver.h"
#include "net/task.h"

namespace raglan::http {

struct ClientConfig {
  ResponseLimits limits;
  std::size_t max_connections_per_host = 64; // of all loops together; at least one for each loop
  std::size_t max_waiting_per_host = 256;    // requests that wait for a connection, on each loop
  std::size_t max_idle_connections = 256;    // of all hosts and loops
  std::chrono::milliseconds connect_timeout{5'000}; // name lookup, TCP and TLS together
  std::chrono::milliseconds write_timeout{30'000};  // without progress
  std::chrono::milliseconds answer_timeout{60'000}; // from the request's last byte to the head
  std::chrono::milliseconds body_timeout{60'000};   // between two pieces of the body
  // Shorter than servers' own (ours: 60 s), so that the client is the one to close.
  std::chrono::milliseconds idle_timeout{30'000};
  std::string ca_file; // PEM; empty: the system's certificates
  net::ResolverConfig resolver;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url; // absolute
  // Content-Length and Connection are the client's to write, and Host unless it is given here.
  Headers headers;
  std::string body;
  // May be sent twice although its method is not idempotent: a POST that only asks.
  bool repeatable = false;
  std::optional<std::uint64_t> max_body_bytes; // of the answer, instead of the config's
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

// What the pools are doing: counts of connections and, where said, of events so far.
struct ClientStats {
  std::size_t open = 0; // idle, in use, or being made
  std::size_t idle = 0;
  std::size_t waiting = 0;      // requests that wait for a connection
  std::uint64_t opened = 0;     // events: connections made
  std::uint64_t reused = 0;     // events: requests on a pooled connection
  std::uint64_t waits = 0;      // events: requests that had to wait
  std::uint64_t stale = 0;      // events: pooled connections that turned out to be dead
  std::uint64_t overloaded = 0; // events: requests refused because too many waited
};

struct ClientShared;
class ClientLoop;
class ClientExchange;

// An answer whose head has arrived and whose body is read piece by piece. Destroying it before the
// end closes its connection.
class ResponseStream {
 public:
  explicit ResponseStream(std::unique_ptr<ClientExchange> exchange);
  ResponseStream(ResponseStream&&) noexcept;
  ResponseStream& operator=(ResponseStream&&) noexcept;
  ~ResponseStream();

  int status() const;
  const Headers& headers() const;

  // The next piece of the body, valid until the next call; empty at the end, and from then on.
  // After an error, the same error again.
  net::Task<Result<std::string_view>> read();

 private:
  std::unique_ptr<ClientExchange> exchange_;
};

class Client {
 public:
  Client(ClientConfig config, net::EventLoops& loops, const Clock& clock = SystemClock::instance());
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The whole answer.
  net::Task<Result<ClientResponse>> send(ClientRequest request, Deadline deadline);
  // The answer's head; the deadline holds for the body too.
  net::Task<Result<ResponseStream>> open(ClientRequest request, Deadline deadline);

  ClientStats stats() const;

 private:
  net::EventLoops& loops_;
  std::shared_ptr<ClientShared> shared_;
  std::vector<std::shared_ptr<ClientLoop>> per_loop_;
};

} // namespace raglan::http
