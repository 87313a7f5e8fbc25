// Zipf's law: of n things, the one of rank r (from 1) is asked for with a probability of 1/r^s. It
// is what the popularity of questions, pages and products looks like; s is about 1.
//
// Sampled by bisection of the cumulated probabilities: exact, and fast enough for n = 10,000
// (rejection sampling, which needs no table, was rejected as harder to check).
//
// Thread safety: const members, from any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "base/rng.h"

namespace raglan::loadtest {

class ZipfSampler {
 public:
  // `things` at least 1; an exponent of 0 asks for all of them alike.
  ZipfSampler(std::size_t things, double exponent);

  // From 0, the most popular.
  std::size_t sample(Rng& rng) const;
  // The share of all requests that the first `things` are: what a cache hits that keeps the most
  // popular ones and never changes, which no cache that cannot see the future does better.
  double share_of_first(std::size_t things) const;
  std::size_t size() const { return cumulated_.size(); }

 private:
  std::vector<double> cumulated_; // of ranks up to and with this one; the last is 1
};

} // namespace raglan::loadtest
