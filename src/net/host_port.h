// "HOST:PORT", as settings and flags say where to listen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raglan::net {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
// "HOST:PORT", "[::1]:8080" or ":8080" (loopback). Empty when it is none of them.
std::optional<HostPort> parse_host_port(std::string_view text);

} // namespace raglan::net
