// The addresses of hosts from what a name server, or an API, said.
//
// Thread safety: pure.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "balancer/host.h"

namespace raglan::balancer {

// Its name is "10.0.0.7:8080" or "[fd00::7]:8080".
HostAddress host_address(const boost::asio::ip::tcp::endpoint& endpoint);

// Both in the order of their names.
bool same_hosts(const std::vector<HostAddress>& left, const std::vector<HostAddress>& right);

} // namespace raglan::balancer
