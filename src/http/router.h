// From method and path to a handler.
//
//   Router router;
//   router.add("GET", "/v1/documents/{id}", get_document);
//   Server server(config, loops, router.handler());
//
// A pattern is a path whose segments are literal or `{name}`, which matches exactly one non-empty
// segment; parameters are percent-decoded into Request::path_parameters. Literal segments win over
// parameters; a trailing '/' is significant. HEAD is answered by GET's handler (the server leaves
// the body out), OPTIONS by the router. No match is 404; a match with another method is 405 with
// Allow. `Request::route` is set to the pattern, or to kUnmatchedRoute: few values, fit for a
// metric label.
//
// Thread safety: routes are added before serving; then any thread may route.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.h"
#include "http/response.h"

namespace raglan::http {

// Called on the connection's loop. The request is the handler's to read or to move from until its
// coroutine has ended. See http/server.h for what happens when the client goes away.
using Handler = std::function<net::Task<Response>(Request&)>;

class Router {
 public:
  static constexpr std::string_view kUnmatchedRoute = "unmatched";

  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // A second handler for the same method and pattern replaces the first.
  void add(std::string_view method, std::string_view pattern, Handler handler);
  // Answers everything that no route matches (the console's files, say) instead of 404.
  void set_fallback(Handler handler);

  // Routes one request. The router must outlive the handler that this returns.
  Handler handler() const;

 private:
  struct Route;

  net::Task<Response> dispatch(Request& request) const;
  const Route* match(Request& request) const;

  std::vector<std::unique_ptr<Route>> routes_; // more literal ones first
  Handler fallback_;
};

} // namespace raglan::http
