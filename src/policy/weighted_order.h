// A random order in which heavier ones tend to come first: the first is each with a probability of
// its share of the weight, the second so among the rest, and so on.
//
// Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006): each draws
// u^(1/weight), and the largest come first; here as the smallest of -log(u)/weight.
//
// Pure. A weight of zero comes last, in the order given.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace raglan::policy {

// The indexes of `weights`, each once.
inline std::vector<std::size_t> weighted_order(std::span<const double> weights, Rng& rng) {
  std::vector<double> draws;
  draws.reserve(weights.size());
  for (const double weight : weights) {
    const double exponential = -std::log1p(-rng.uniform());
    draws.push_back(weight > 0 ? exponential / weight : std::numeric_limits<double>::infinity());
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(draws[i], i); });
  return order;
}

} // namespace raglan::policy
