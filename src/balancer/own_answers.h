// What the balancer answers itself, and does not pass to nodes: health, metrics and administration
// (admin_routes.h), by a server of its own, which is a host like others to the loops.
//
// Pure; thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace raglan::balancer {

class Host;

struct OwnAnswers {
  std::shared_ptr<Host> host; // null: nothing is answered here
  // Where everybody can ask, metrics and administration are not to be had.
  bool health_only = false;
};

enum class Answerer : std::uint8_t { kNode, kBalancer, kNobody };
Answerer answerer_of(const OwnAnswers& own, std::string_view path);

} // namespace raglan::balancer
