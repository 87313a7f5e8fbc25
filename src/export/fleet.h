// A fleet of Raglan nodes as somebody else's load balancer is to know it: where it listens, which
// nodes there are, how they are chosen, checked and waited for.
//
// Why: those who run nginx, HAProxy or a cloud's balancer already should not have to learn what a
// Raglan node needs of it. The same values configure Raglan's own balancer; target.h renders them
// for the others.
//
// Invariant: what passes `check` can be written into any target's syntax as it is. Every text of a
// fleet is held to an alphabet in which no target has a special character, so that no renderer has
// to escape, and a host name that came from elsewhere cannot become a directive.
//
// Thread safety: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/load_balancing.h"

namespace raglan::exporting {

struct Listen {
  std::string host = "127.0.0.1"; // an IP address, IPv6 without brackets
  std::uint16_t port = 8000;
};

struct Node {
  enum class Scheme : std::uint8_t { kHttp, kHttps };
  static constexpr std::uint32_t kMaxWeight = 256; // HAProxy's

  Scheme scheme = Scheme::kHttp; // the same for all nodes of a fleet
  std::string host;              // a name or an IP address, IPv6 without brackets
  std::uint16_t port = 8080;
  std::uint32_t weight = 1; // its share is in proportion; strategy round_robin does not look at it
};

struct Health {
  std::string path = "/ready";
  std::chrono::milliseconds timeout{5'000};
  std::chrono::milliseconds interval{10'000};
  std::uint32_t failure_threshold = 3; // in a row, until a node gets nothing more
  std::uint32_t success_threshold = 1; // in a row, until it does again
};

struct Timeouts {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds response{60'000}; // without a byte of it, however long all of it takes
  std::chrono::milliseconds idle{60'000};     // a client's connection between two requests
};

struct Fleet {
  static constexpr std::size_t kMaxNodes = 1000;

  Listen listen;
  policy::Strategy strategy = policy::Strategy::kRoundRobin;
  std::vector<Node> nodes; // at least one; no address twice
  Health health;
  Timeouts timeouts;
  std::uint64_t max_body_bytes = 16 * 1024 * 1024;
  std::chrono::milliseconds slow_start{30'000}; // 0: none
  std::uint32_t max_attempts = 3;               // of a request, the first included
};

// Whether all of it can be rendered. Errors: kInvalidField, with a JSON pointer into the fleet
// ("/nodes/2/host"); the message does not repeat the value.
Result<> check(const Fleet& fleet);

// "10.0.0.7:8080", "[::1]:8080", "node-1:8080".
std::string authority(std::string_view host, std::uint16_t port);
inline std::string authority(const Node& node) { return authority(node.host, node.port); }
inline std::string authority(const Listen& listen) { return authority(listen.host, listen.port); }

bool is_ipv4(std::string_view host);
bool is_ipv6(std::string_view host);
inline bool is_ip(std::string_view host) { return is_ipv4(host) || is_ipv6(host); }
// Whether any node is known by a name, which has to be looked up.
bool has_names(const Fleet& fleet);
bool has_addresses(const Fleet& fleet);

// Of all nodes: `check` refuses a mixed fleet.
inline bool uses_tls(const Fleet& fleet) {
  return fleet.nodes.front().scheme == Node::Scheme::kHttps;
}

// What its target is to be told: 1 with round_robin.
std::uint32_t effective_weight(const Fleet& fleet, const Node& node);
// Whether these differ.
bool is_weighted(const Fleet& fleet);

} // namespace raglan::exporting
