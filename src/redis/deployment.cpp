#include "redis/deployment.h"

#include <algorithm>
#include <optional>

#include "redis/url_parts.h"

namespace raglan::redis {
namespace {

constexpr std::uint16_t kSentinelPort = 26'379;

struct Scheme {
  std::string_view text;
  Mode mode;
  bool tls;
};
constexpr Scheme kSchemes[] = {
    {"redis+sentinel://", Mode::kSentinel, false},
    {"rediss+sentinel://", Mode::kSentinel, true},
    {"redis+cluster://", Mode::kCluster, false},
    {"rediss+cluster://", Mode::kCluster, true},
};

// "host,host:port", each as `like` but for these.
Result<> read_hosts(std::string_view text, const Address& like, std::vector<Address>& into) {
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    if (into.size() == Deployment::kMaxHosts) return bad_url("more than 64 hosts");
    into.push_back(like);
    auto host = read_host(text.substr(0, comma), into.back());
    if (!host || comma == text.size()) return host;
    text.remove_prefix(comma + 1);
  }
}

// "master", "master/", "master/database".
Result<> read_master(std::string_view path, Deployment& deployment) {
  const auto slash = std::min(path.find('/'), path.size());
  deployment.master = path.substr(0, slash);
  if (deployment.master.empty()) return bad_url("no name of a master behind the sentinels");
  return read_database(path.substr(std::min(slash + 1, path.size())), deployment.server);
}

Result<Deployment> parse_hosts(std::string_view rest, const Scheme& scheme) {
  Deployment deployment{.mode = scheme.mode, .addresses = {}, .master = {}, .server = {}};
  deployment.server.tls = scheme.tls;
  if (auto ok = take_login(rest, deployment.server); !ok) return forward_error(ok);
  const auto slash = std::min(rest.find('/'), rest.size());
  const auto path = rest.substr(std::min(slash + 1, rest.size()));
  const bool sentinels = scheme.mode == Mode::kSentinel;
  Address like = deployment.server;
  if (sentinels) like = {.tls = scheme.tls, .port = kSentinelPort};
  if (auto ok = read_hosts(rest.substr(0, slash), like, deployment.addresses); !ok) {
    return forward_error(ok);
  }
  if (sentinels) {
    if (auto ok = read_master(path, deployment); !ok) return forward_error(ok);
  } else if (!path.empty() && path != "0") {
    return bad_url("a cluster has no database but 0");
  }
  return deployment;
}

} // namespace

Result<Deployment> parse_deployment(std::string_view url) {
  if (auto ok = check_characters(url); !ok) return forward_error(ok);
  for (const Scheme& scheme : kSchemes) {
    if (url.starts_with(scheme.text)) return parse_hosts(url.substr(scheme.text.size()), scheme);
  }
  auto address = parse_address(url);
  if (!address) return forward_error(address);
  Deployment deployment;
  deployment.server = *address;
  deployment.addresses.push_back(std::move(*address));
  return deployment;
}

} // namespace raglan::redis
