#include "balancer/host_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace raglan::balancer {

HostAddress host_address(const boost::asio::ip::tcp::endpoint& endpoint) {
  HostAddress address;
  const std::string text = endpoint.address().to_string();
  address.name = endpoint.address().is_v6() ? fmt::format("[{}]:{}", text, endpoint.port())
                                            : fmt::format("{}:{}", text, endpoint.port());
  std::memcpy(&address.address, endpoint.data(), endpoint.size());
  address.address_bytes = static_cast<socklen_t>(endpoint.size());
  return address;
}

bool same_hosts(const std::vector<HostAddress>& left, const std::vector<HostAddress>& right) {
  return std::ranges::equal(left, right, {}, &HostAddress::name, &HostAddress::name);
}

} // namespace raglan::balancer
