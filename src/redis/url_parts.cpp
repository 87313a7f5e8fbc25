#include "redis/url_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent_code.h"
#include "base/read_number.h"

namespace raglan::redis {

std::unexpected<Error> bad_url(std::string_view what) {
  return fail(ErrorCode::kMalformedRequest, fmt::format("not a Redis URL: {}", what));
}

Result<> check_characters(std::string_view url) {
  const auto strange = [](char c) { return c <= ' ' || c == 0x7f; };
  if (std::ranges::any_of(url, strange)) {
    return bad_url("it holds a space or a control character");
  }
  return {};
}

Result<> take_login(std::string_view& rest, Address& address) {
  // A password may hold a slash only percent-encoded, as in every URL.
  const auto at = rest.substr(0, rest.find('/')).rfind('@');
  if (at == rest.npos) return {};
  const auto login = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const auto colon = login.find(':');
  const auto user =
      percent_decode(colon == login.npos ? std::string_view() : login.substr(0, colon));
  auto password = percent_decode(colon == login.npos ? login : login.substr(colon + 1));
  if (!user || !password) return bad_url("broken percent-encoding in user or password");
  if (password->empty()) return bad_url("an @ without a password before it");
  address.user = *user;
  address.password = config::Secret(std::move(*password));
  return {};
}

Result<> read_host(std::string_view text, Address& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return bad_url("a [ without its ]");
    address.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return bad_url("what stands behind the ]");
    port = text;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    address.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (address.host.empty()) return bad_url("no host");
  if (port.empty()) return {};
  if (!read_number(port.substr(1), address.port) || address.port == 0) return bad_url("the port");
  return {};
}

Result<> read_database(std::string_view text, Address& address) {
  if (!text.empty() && !read_number(text, address.database)) {
    return bad_url("the database's number");
  }
  return {};
}

} // namespace raglan::redis
