#include "balancer/own_answers.h"

#include <algorithm>
#include <array>

#include "balancer/path_prefix.h"

namespace raglan::balancer {
namespace {

constexpr std::array<std::string_view, 3> kHealth = {"/health", "/ready", "/startup"};
constexpr std::array<std::string_view, 2> kOperators = {"/metrics", "/admin"};

} // namespace

Answerer answerer_of(const OwnAnswers& own, std::string_view path) {
  const auto holds = [path](std::string_view root) { return is_at_or_below(path, root); };
  if (!own.host) return Answerer::kNode;
  if (std::ranges::find(kHealth, path) != kHealth.end()) return Answerer::kBalancer;
  if (!std::ranges::any_of(kOperators, holds)) return Answerer::kNode;
  return own.health_only ? Answerer::kNobody : Answerer::kBalancer;
}

} // namespace raglan::balancer
