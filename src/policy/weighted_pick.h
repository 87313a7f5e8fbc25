// One of several at random, each with a probability of its share of the weight, in one pass: they
// are offered one after the other, and how many there are need not be known.
//
// A reservoir of one (Chao, "A general purpose unequal probability sampling plan", 1982): each that
// is offered takes the place with the probability of its share of the weight so far.
#pragma once

#include <cstddef>
#include <optional>

#include "base/rng.h"

namespace raglan::policy {

class WeightedPick {
 public:
  // The weight is positive.
  void offer(std::size_t place, double weight, Rng& rng) {
    weight_ += weight;
    if (!picked_ || rng.uniform() * weight_ < weight) picked_ = place;
  }
  // Empty: none was offered.
  std::optional<std::size_t> picked() const { return picked_; }

 private:
  double weight_ = 0;
  std::optional<std::size_t> picked_;
};

} // namespace raglan::policy
