#include "http/browser_guard.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace raglan::http {
namespace {

// Without the port; brackets stay.
std::string_view host_name(std::string_view host) {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == host.npos ? 0 : bracket);
  return host.substr(0, colon);
}

// Four numbers of which the first is 127, and not a name like 127.example.org.
bool is_loopback_v4(std::string_view name) {
  for (int part = 0; part < 4; ++part) {
    unsigned number = 0;
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, number);
    if (error != std::errc() || number > 255 || (part == 0 && number != 127)) return false;
    name.remove_prefix(static_cast<std::size_t>(stop - name.data()));
    if (part == 3) return name.empty();
    if (!name.starts_with('.')) return false;
    name.remove_prefix(1);
  }
  return false;
}

bool is_served(std::string_view host, const std::vector<std::string>& hosts) {
  const auto same = [name = host_name(host)](const std::string& served) {
    return equals_ignoring_case(name, served);
  };
  return is_loopback_host(host) || std::ranges::any_of(hosts, same);
}

} // namespace

bool is_loopback_host(std::string_view host) {
  const std::string_view name = host_name(host);
  return equals_ignoring_case(name, "localhost") || name == "[::1]" || is_loopback_v4(name);
}

Result<> check_browser(const Request& request, const std::vector<std::string>& hosts) {
  const auto host = request.headers.find("host");
  if (host && !is_served(*host, hosts)) {
    return fail(ErrorCode::kForbidden,
                "this node has no authentication and answers to loopback names only; add the name "
                "to server.hosts when a proxy in front of it keeps strangers out",
                "host");
  }
  const std::string_view site = request.headers.get("sec-fetch-site");
  if (equals_ignoring_case(site, "cross-site")) {
    return fail(ErrorCode::kForbidden, "a page of another site must not use this node",
                "sec-fetch-site");
  }
  std::string_view origin = request.headers.get("origin");
  const std::size_t scheme = origin.find("://");
  const bool own = scheme != origin.npos && is_served(origin.substr(scheme + 3), hosts);
  if (!origin.empty() && !own) {
    return fail(ErrorCode::kForbidden, "a page of another site must not use this node", "origin");
  }
  return {};
}

} // namespace raglan::http
