// The parts of URLs that the server and the client need: percent-coding, queries, base URLs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace raglan::http {

// "%41b" -> "Ab"; empty for a broken escape ("%4", "%zz") and for an encoded NUL, which no
// component of ours has a use for and C libraries beneath would cut at. `plus_is_space` as in HTML
// forms.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Everything but unreserved characters (RFC 3986, 2.3) becomes %XX: safe in a path segment or
// query.
std::string percent_encode(std::string_view text);

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
