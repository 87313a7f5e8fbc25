// The load balancers of others that a fleet can be rendered for.
//
// Each has its own way: where it lacks a strategy, the nearest that it has is used, and a comment
// in the rendered file says what is not the same and why; likewise for what it cannot be told at
// all (active health checks of nginx, thresholds of Traefik). Nothing is left out in silence.
//
//   auto target = target_from_name("haproxy");
//   auto text = render(*target, fleet); // a file, as it is
//
// Thread safety: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "export/fleet.h"

namespace raglan::exporting {

enum class Target : std::uint8_t {
  kNginx,
  kHaproxy,
  kEnvoy,
  kTraefik,
  kKong,
  kAwsAlb,
  kGcp,
  kRender,
  kRailway,
};

struct NamedTarget {
  Target target;
  std::string_view name;      // "aws-alb"
  std::string_view file_name; // what its file is usually called
};

// In the order of the enumeration.
std::span<const NamedTarget> targets();
std::string_view target_name(Target target);
std::optional<Target> target_from_name(std::string_view name);

// A whole file, ending with a line break. Errors: those of `check` (fleet.h).
Result<std::string> render(Target target, const Fleet& fleet);

} // namespace raglan::exporting
