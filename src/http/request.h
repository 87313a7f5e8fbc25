// A request as the server received it: plain values, filled in by the parser.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/body_budget.h"
#include "http/headers.h"
#include "http/load.h"
#include "http/url.h"

namespace raglan::http {

struct Request {
  std::string method; // as sent: methods are case-sensitive
  std::string target; // as sent
  std::string path;   // of the target, still percent-encoded; "/" at least
  std::string query;  // without the '?', still percent-encoded
  Headers headers;    // trailers of a chunked body are dropped, never merged in here
  std::string body;   // decoded, complete
  // Of the body in the server's budget (body_budget.h). Who takes the body to where it may outlive
  // the request takes a copy of this along. Null, or of no bytes, without a body.
  std::shared_ptr<BodyReservation> body_reservation;
  int minor_version = 1;       // HTTP/1.0 or 1.1
  bool keep_alive = true;      // what the client asked for
  std::string remote_address;  // without the port
  MonotonicTime received_at{}; // when its head was complete
  // Of whoever wraps the handlers: who asks, say. The server makes it null for each request.
  std::shared_ptr<const void> context;
  // Likewise: counts the request until it is answered, and has the answer say how many others there
  // are (load.h).
  Load::Share load_share;
  // Memory for the answer's body, of an earlier one on this connection; its content means nothing.
  std::string spare_body;
  // Set by the router.
  std::string_view route; // the name for metrics and logs; a constant of the router
  std::vector<std::pair<std::string, std::string>> path_parameters; // decoded

  // The decoded value of a {name} segment; "" when the route has none of that name.
  std::string_view path_parameter(std::string_view name) const;
  // All query parameters, decoded. Errors: kMalformedRequest.
  Result<QueryParameters> query_parameters() const { return parse_query(query); }

  // Forgets the body and its reservation; gives the memory back if it is large.
  void drop_body();
  // Ready for the next message, keeping what memory it can.
  void clear();
};

} // namespace raglan::http
