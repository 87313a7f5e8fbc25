// Keeps web pages out of a node that has no authentication.
//
// A node on loopback trusts whoever reaches it, and every page that its user opens in a browser
// can: by a form or a fetch to http://127.0.0.1 (cross-site request forgery), or from a name that
// the page's owner has pointed at 127.0.0.1 (DNS rebinding). So two things are refused with 403:
//   - a request that a browser says another site has made (Sec-Fetch-Site, Origin);
//   - a request for a host that is neither loopback nor one of `server.hosts`.
// Programs that are no browsers send neither header, and ask for the host that they connect to.
// The health probes are left alone: orchestrators ask for whatever host they like.
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "http/request.h"

namespace raglan::http {

// "localhost", 127.0.0.0/8 or [::1], with or without a port.
bool is_loopback_host(std::string_view host);

// kForbidden; the message says what to do about it. `hosts` are names without ports, in any case.
Result<> check_browser(const Request& request, const std::vector<std::string>& hosts);

} // namespace raglan::http
