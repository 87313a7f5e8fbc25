// The fleet of the tests: three nodes, one of them known by its name and three times as strong.
#pragma once

#include <string>

#include "export/fleet.h"
#include "export/target.h"

namespace raglan::exporting {

inline Fleet example_fleet(policy::Strategy strategy = policy::Strategy::kRoundRobin) {
  Fleet fleet;
  fleet.strategy = strategy;
  fleet.nodes = {{.host = "10.0.0.1"}, {.host = "10.0.0.2"}, {.host = "node-3", .weight = 3}};
  return fleet;
}

inline Fleet tls_fleet() {
  Fleet fleet;
  fleet.nodes = {{.scheme = Node::Scheme::kHttps, .host = "a.example", .port = 443},
                 {.scheme = Node::Scheme::kHttps, .host = "b.example", .port = 443}};
  return fleet;
}

// What was rendered; empty when it was refused.
inline std::string rendered(Target target, const Fleet& fleet) {
  return render(target, fleet).value_or("");
}

inline constexpr policy::Strategy kStrategies[] = {
    policy::Strategy::kRoundRobin, policy::Strategy::kLeastConnections,
    policy::Strategy::kIpHash,     policy::Strategy::kWeightedRoundRobin,
    policy::Strategy::kP2c,        policy::Strategy::kPrequal,
    policy::Strategy::kAffinity,
};

} // namespace raglan::exporting
