// One request and its answer on one connection. Internal to http/.
//
// Thread safety: belongs to its loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/client_loop.h"

namespace raglan::http {

// A request as it goes over the wire, and what the client must know about it.
struct OutgoingRequest {
  Origin origin;
  std::string head;
  std::string body;
  ResponseLimits limits;
  bool bodiless_answer = false; // HEAD
  bool repeatable = false;
};
// Errors: kMalformedRequest.
Result<OutgoingRequest> make_outgoing(ClientRequest request, const ClientConfig& config);

class ClientExchange {
 public:
  ClientExchange(ClientLoop::Lease lease, std::shared_ptr<ClientLoop> loop,
                 const OutgoingRequest& request, Deadline deadline);

  // Writes the request and reads up to the end of the answer's head.
  net::Task<Result<>> run(const OutgoingRequest& request);
  // After a failed run: whether the connection was dead before it began, as far as can be told, so
  // that the request may be sent once more.
  bool was_stale(const OutgoingRequest& request) const;

  const ResponseHead& head() const { return head_; }
  // See ResponseStream::read.
  net::Task<Result<std::string_view>> read_body();

 private:
  net::Task<Result<>> read_head();
  // Feeds the parser with what has been read.
  Result<> parse();
  // What the failure of an operation means, as an Error.
  Error explain(IoEnd end, std::string_view doing) const;
  void finish();

  std::optional<ClientLoop::Lease> lease_; // until the answer is whole, or has failed
  const std::shared_ptr<ClientLoop> loop_;
  const Deadline deadline_;
  ResponseParser parser_;
  ResponseHead head_;
  std::string piece_; // of the body, decoded
  bool piece_taken_ = false;
  std::optional<Error> failure_;
  std::size_t written_bytes_ = 0;
  bool answered_ = false; // a byte of the answer has arrived
  IoEnd ended_by_ = IoEnd::kProgress;
};

} // namespace raglan::http
