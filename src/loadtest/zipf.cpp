#include "loadtest/zipf.h"

#include <algorithm>
#include <cmath>

namespace raglan::loadtest {

ZipfSampler::ZipfSampler(std::size_t things, double exponent) {
  cumulated_.reserve(things);
  double sum = 0;
  for (std::size_t rank = 1; rank <= things; ++rank) {
    sum += std::pow(static_cast<double>(rank), -exponent);
    cumulated_.push_back(sum);
  }
  for (double& share : cumulated_) share /= sum;
  cumulated_.back() = 1;
}

std::size_t ZipfSampler::sample(Rng& rng) const {
  const auto at = std::ranges::upper_bound(cumulated_, rng.uniform());
  return static_cast<std::size_t>(at - cumulated_.begin());
}

double ZipfSampler::share_of_first(std::size_t things) const {
  if (things == 0) return 0;
  return cumulated_[std::min(things, cumulated_.size()) - 1];
}

} // namespace raglan::loadtest
