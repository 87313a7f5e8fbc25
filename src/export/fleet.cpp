#include "export/fleet.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>

namespace raglan::exporting {
namespace {

constexpr std::size_t kMaxNameBytes = 253; // RFC 1035, without the root's dot
constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxPathBytes = 255;
constexpr std::chrono::milliseconds kMaxTime = std::chrono::hours(24);
constexpr std::uint32_t kMaxThreshold = 10; // the least that a target allows at most
constexpr std::uint32_t kMaxAttempts = 10;
constexpr std::uint64_t kMaxBodyBytes = std::uint64_t{4} << 30; // server.limits.max_body_bytes'

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_address(int family, std::string_view host) {
  if (host.size() >= INET6_ADDRSTRLEN || host.contains('\0')) return false;
  in6_addr address{};
  return ::inet_pton(family, std::string(host).c_str(), &address) == 1;
}

// Of letters, digits, "-" and "_" (Docker's names have it) in labels apart by dots. One whose last
// label is a number would be taken for an IPv4 address, in another way by each resolver.
bool is_name(std::string_view host) {
  if (host.empty() || host.size() > kMaxNameBytes) return false;
  bool last_is_number = false;
  for (const auto part : std::views::split(host, '.')) {
    const std::string_view label(part.begin(), part.end());
    if (label.empty() || label.size() > kMaxLabelBytes || label.front() == '-') return false;
    const auto allowed = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; };
    if (!std::ranges::all_of(label, allowed)) return false;
    last_is_number = std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
  }
  return !last_is_number;
}

bool is_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() > kMaxPathBytes) return false;
  return std::ranges::all_of(
      path, [](char c) { return is_letter_or_digit(c) || std::string_view("/-._~").contains(c); });
}

std::unexpected<Error> invalid(std::string message, std::string param) {
  return fail(ErrorCode::kInvalidField, std::move(message), std::move(param));
}

Result<> check_time(std::chrono::milliseconds time, std::string param) {
  if (time >= std::chrono::milliseconds(1) && time <= kMaxTime) return {};
  return invalid("must be 1 ms to 24 h", std::move(param));
}

Result<> check_count(std::uint64_t count, std::uint64_t most, std::string param) {
  if (count >= 1 && count <= most) return {};
  return invalid(fmt::format("must be 1 to {}", most), std::move(param));
}

Result<> check_node(const Node& node, const std::string& at) {
  if (!is_ip(node.host) && !is_name(node.host)) {
    return invalid("must be a host name or an IP address", at + "/host");
  }
  if (node.port == 0) return invalid("must be 1 to 65535", at + "/port");
  return check_count(node.weight, Node::kMaxWeight, at + "/weight");
}

Result<> check_nodes(const Fleet& fleet) {
  if (fleet.nodes.empty()) return invalid("there must be at least one node", "/nodes");
  if (fleet.nodes.size() > Fleet::kMaxNodes) {
    return invalid(fmt::format("there must be at most {} nodes", Fleet::kMaxNodes), "/nodes");
  }
  std::set<std::string> seen;
  for (std::size_t place = 0; place < fleet.nodes.size(); ++place) {
    const Node& node = fleet.nodes[place];
    const std::string at = fmt::format("/nodes/{}", place);
    if (auto ok = check_node(node, at); !ok) return ok;
    if (node.scheme != fleet.nodes.front().scheme) {
      return invalid("must be the scheme of the first node: a balancer speaks one to all",
                     at + "/scheme");
    }
    if (!seen.insert(authority(node)).second) return invalid("is there twice", at + "/host");
  }
  return {};
}

} // namespace

Result<> check(const Fleet& fleet) {
  if (!is_ip(fleet.listen.host)) return invalid("must be an IP address", "/listen/host");
  if (fleet.listen.port == 0) return invalid("must be 1 to 65535", "/listen/port");
  if (auto ok = check_nodes(fleet); !ok) return ok;
  const Health& health = fleet.health;
  if (!is_path(health.path)) {
    return invalid("must begin with / and be of letters, digits and /-._~", "/health/path");
  }
  const std::pair<std::chrono::milliseconds, const char*> times[] = {
      {health.timeout, "/health/timeout"},
      {health.interval, "/health/interval"},
      {fleet.timeouts.connect, "/timeouts/connect"},
      {fleet.timeouts.response, "/timeouts/response"},
      {fleet.timeouts.idle, "/timeouts/idle"},
  };
  for (const auto& [time, param] : times) {
    if (auto ok = check_time(time, param); !ok) return ok;
  }
  if (fleet.slow_start.count() < 0 || fleet.slow_start > kMaxTime) {
    return invalid("must be at most 24 h", "/slow_start");
  }
  const std::tuple<std::uint64_t, std::uint64_t, const char*> counts[] = {
      {health.failure_threshold, kMaxThreshold, "/health/failure_threshold"},
      {health.success_threshold, kMaxThreshold, "/health/success_threshold"},
      {fleet.max_body_bytes, kMaxBodyBytes, "/max_body_bytes"},
      {fleet.max_attempts, kMaxAttempts, "/max_attempts"},
  };
  for (const auto& [count, most, param] : counts) {
    if (auto ok = check_count(count, most, param); !ok) return ok;
  }
  return {};
}

std::string authority(std::string_view host, std::uint16_t port) {
  return is_ipv6(host) ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool is_ipv4(std::string_view host) { return is_address(AF_INET, host); }
bool is_ipv6(std::string_view host) { return is_address(AF_INET6, host); }

bool has_names(const Fleet& fleet) {
  return std::ranges::any_of(fleet.nodes, [](const Node& node) { return !is_ip(node.host); });
}

bool has_addresses(const Fleet& fleet) {
  return std::ranges::any_of(fleet.nodes, [](const Node& node) { return is_ip(node.host); });
}

std::uint32_t effective_weight(const Fleet& fleet, const Node& node) {
  return fleet.strategy == policy::Strategy::kRoundRobin ? 1 : node.weight;
}

bool is_weighted(const Fleet& fleet) {
  return std::ranges::any_of(fleet.nodes, [&](const Node& node) {
    return effective_weight(fleet, node) != effective_weight(fleet, fleet.nodes.front());
  });
}

} // namespace raglan::exporting
