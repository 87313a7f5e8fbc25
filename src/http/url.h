// The parts of URLs that the server and the client need: queries, base URLs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/percent_code.h"
#include "base/result.h"

namespace raglan::http {

using raglan::percent_decode;
using raglan::percent_encode;

using QueryParameters = std::vector<std::pair<std::string, std::string>>;
// "a=1&b=x%20y" in order; a name without '=' has an empty value. Errors: kMalformedRequest.
Result<QueryParameters> parse_query(std::string_view query);

// An absolute http or https URL, taken apart.
struct Url {
  bool tls = false;
  std::string host; // a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 0;
  std::string target; // path and query, at least "/"
  // What a Host header says: brackets around IPv6, the port unless it is the scheme's own.
  std::string authority() const;
};
// Errors: kMalformedRequest. User information and fragments are refused.
Result<Url> parse_url(std::string_view url);

} // namespace raglan::http
