#include "redis/address.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/read_number.h"
#include "redis/url_parts.h"

namespace raglan::redis {
namespace {

constexpr std::string_view kTcp = "redis://";
constexpr std::string_view kTls = "rediss://";
constexpr std::string_view kUnix = "unix://";

Result<Address> parse_tcp(std::string_view rest) {
  Address address;
  auto logged_in = take_login(rest, address);
  if (!logged_in) return forward_error(logged_in);
  const auto slash = std::min(rest.find('/'), rest.size());
  auto host = read_host(rest.substr(0, slash), address);
  if (!host) return forward_error(host);
  auto database = read_database(rest.substr(std::min(slash + 1, rest.size())), address);
  if (!database) return forward_error(database);
  return address;
}

Result<Address> parse_unix(std::string_view rest) {
  Address address;
  auto logged_in = take_login(rest, address);
  if (!logged_in) return forward_error(logged_in);
  const auto question = std::min(rest.find('?'), rest.size());
  address.socket_path = rest.substr(0, question);
  if (address.socket_path.empty()) return bad_url("no path");
  if (address.socket_path.size() > 107) return bad_url("the path is longer than 107 bytes");
  const auto query = rest.substr(question);
  if (query.empty()) return address;
  constexpr std::string_view kDatabase = "?db=";
  if (!query.starts_with(kDatabase) ||
      !read_number(query.substr(kDatabase.size()), address.database)) {
    return bad_url("what stands behind the ?");
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
  if (auto ok = check_characters(url); !ok) return forward_error(ok);
  if (url.starts_with(kTcp)) return parse_tcp(url.substr(kTcp.size()));
  if (url.starts_with(kUnix)) return parse_unix(url.substr(kUnix.size()));
  if (url.starts_with(kTls)) {
    auto address = parse_tcp(url.substr(kTls.size()));
    if (address) address->tls = true;
    return address;
  }
  return bad_url(
      "it begins with none of redis://, rediss://, unix://, redis+sentinel://, redis+cluster://");
}

} // namespace raglan::redis
