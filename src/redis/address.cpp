#include "redis/address.h"

#include <fmt/format.h>

#include <charconv>

#include "base/percent_code.h"

namespace raglan::redis {
namespace {

constexpr std::string_view kTcp = "redis://";
constexpr std::string_view kTls = "rediss://";
constexpr std::string_view kUnix = "unix://";

std::unexpected<Error> bad_address(std::string_view what) {
  return fail(ErrorCode::kMalformedRequest, fmt::format("not a Redis URL: {}", what));
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

// Takes "user:password@" off the front of `rest`.
Result<> take_login(std::string_view& rest, std::string_view authority, Address& address) {
  const auto at = authority.rfind('@');
  if (at == authority.npos) return {};
  const auto login = authority.substr(0, at);
  rest.remove_prefix(at + 1);
  const auto colon = login.find(':');
  const auto user =
      percent_decode(colon == login.npos ? std::string_view() : login.substr(0, colon));
  auto password = percent_decode(colon == login.npos ? login : login.substr(colon + 1));
  if (!user || !password) return bad_address("broken percent-encoding in user or password");
  if (password->empty()) return bad_address("an @ without a password before it");
  address.user = *user;
  address.password = config::Secret(std::move(*password));
  return {};
}

Result<> read_host(std::string_view text, Address& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return bad_address("a [ without its ]");
    address.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return bad_address("what stands behind the ]");
    port = text;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    address.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (address.host.empty()) return bad_address("no host");
  if (port.empty()) return {};
  if (!read_number(port.substr(1), address.port) || address.port == 0) {
    return bad_address("the port");
  }
  return {};
}

Result<Address> parse_tcp(std::string_view rest) {
  Address address;
  // A password may hold a slash only percent-encoded, as in every URL.
  auto logged_in = take_login(rest, rest.substr(0, rest.find('/')), address);
  if (!logged_in) return forward_error(logged_in);
  const auto slash = std::min(rest.find('/'), rest.size());
  auto host = read_host(rest.substr(0, slash), address);
  if (!host) return forward_error(host);
  const auto database = rest.substr(slash);
  if (database.size() > 1 && !read_number(database.substr(1), address.database)) {
    return bad_address("the database's number");
  }
  return address;
}

Result<Address> parse_unix(std::string_view rest) {
  Address address;
  auto logged_in = take_login(rest, rest.substr(0, rest.find('/')), address);
  if (!logged_in) return forward_error(logged_in);
  const auto question = std::min(rest.find('?'), rest.size());
  address.socket_path = rest.substr(0, question);
  if (address.socket_path.empty()) return bad_address("no path");
  if (address.socket_path.size() > 107) return bad_address("the path is longer than 107 bytes");
  const auto query = rest.substr(question);
  if (query.empty()) return address;
  constexpr std::string_view kDatabase = "?db=";
  if (!query.starts_with(kDatabase) ||
      !read_number(query.substr(kDatabase.size()), address.database)) {
    return bad_address("what stands behind the ?");
  }
  return address;
}

} // namespace

std::string Address::name() const {
  if (!socket_path.empty()) return "a unix socket";
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                     : fmt::format("[{}]:{}", host, port);
}

Result<Address> parse_address(std::string_view url) {
  for (const char c : url) {
    if (c <= ' ' || c == 0x7f) return bad_address("it holds a space or a control character");
  }
  if (url.starts_with(kTcp)) return parse_tcp(url.substr(kTcp.size()));
  if (url.starts_with(kUnix)) return parse_unix(url.substr(kUnix.size()));
  if (url.starts_with(kTls)) {
    auto address = parse_tcp(url.substr(kTls.size()));
    if (address) address->tls = true;
    return address;
  }
  return bad_address("it begins with none of redis://, rediss://, unix://");
}

} // namespace raglan::redis
