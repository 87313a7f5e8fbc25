#include "http/url.h"

#include <fmt/format.h>

#include <charconv>

namespace raglan::http {
namespace {

std::unexpected<Error> bad_url() {
  return fail(ErrorCode::kMalformedRequest, "not an http or https URL");
}

} // namespace

Result<QueryParameters> parse_query(std::string_view query) {
  QueryParameters parameters;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    if (!pair.empty()) {
      const auto equals = pair.find('=');
      auto name = percent_decode(pair.substr(0, equals), true);
      auto value = equals == pair.npos ? std::optional<std::string>("")
                                       : percent_decode(pair.substr(equals + 1), true);
      if (!name || !value) {
        return fail(ErrorCode::kMalformedRequest, "broken percent-encoding in the query");
      }
      parameters.emplace_back(std::move(*name), std::move(*value));
    }
    if (end == query.npos) break;
    query.remove_prefix(end + 1);
  }
  return parameters;
}

std::string Url::authority() const {
  const auto name = host.find(':') == host.npos ? host : fmt::format("[{}]", host);
  return port == (tls ? 443 : 80) ? name : fmt::format("{}:{}", name, port);
}

Result<Url> parse_url(std::string_view url) {
  Url parsed;
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.starts_with("https://")) {
    url.remove_prefix(8);
    parsed.tls = true;
  } else {
    return bad_url();
  }
  for (const char c : url) {
    if (c <= ' ' || c == 0x7f || c == '#' || c == '\\') return bad_url();
  }
  const auto end = std::min(url.find('/'), url.find('?'));
  auto authority = url.substr(0, end);
  if (authority.find('@') != authority.npos) return bad_url();
  parsed.target = end == url.npos ? "/" : std::string(url.substr(end));
  if (parsed.target.front() != '/') parsed.target.insert(0, "/");

  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == authority.npos) return bad_url();
    parsed.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') return bad_url();
    port = authority.empty() ? authority : authority.substr(1);
  } else {
    const auto colon = authority.find(':');
    parsed.host = authority.substr(0, colon);
    if (colon != authority.npos) port = authority.substr(colon + 1);
  }
  if (parsed.host.empty()) return bad_url();
  parsed.port = parsed.tls ? 443 : 80;
  if (!port.empty()) {
    const auto [stop, code] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
    if (code != std::errc() || stop != port.data() + port.size() || parsed.port == 0) {
      return bad_url();
    }
  }
  return parsed;
}

} // namespace raglan::http
