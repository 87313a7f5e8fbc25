#include "policy/hedge.h"

#include <algorithm>
#include <vector>

namespace raglan::policy {

std::optional<Duration> Hedge::begin() {
  ++counts_.requests;
  if (!config_.enabled) return std::nullopt;
  earned_ = std::min(kBurst, earned_ + config_.max_ratio);
  const std::size_t known = std::min(answers_, kSamples);
  if (known < kMinSamples) return std::nullopt;
  std::vector<Duration> sorted(took_.begin(), took_.begin() + static_cast<std::ptrdiff_t>(known));
  // The smallest that `quantile` of them do not exceed.
  const auto rank = static_cast<std::size_t>(config_.quantile * static_cast<double>(known));
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(rank, known - 1));
  std::ranges::nth_element(sorted, at);
  return *at;
}

bool Hedge::allows(std::size_t waiting, MonotonicTime now) {
  look(waiting, now);
  // What a few additions of 0.02 come to is not quite what it should be.
  constexpr double kOne = 1 - 1e-9;
  if (grows(now) || earned_ < kOne) {
    ++counts_.refused;
    return false;
  }
  earned_ -= 1;
  ++counts_.hedged;
  return true;
}

void Hedge::answered(Duration took) { took_[answers_++ % kSamples] = took; }

void Hedge::look(std::size_t waiting, MonotonicTime now) {
  if (waiting > waiting_) grew_at_ = now;
  waiting_ = waiting;
}

HedgeStatus Hedge::status(MonotonicTime now) const {
  HedgeStatus status = counts_;
  status.queue_grows = grows(now);
  return status;
}

} // namespace raglan::policy
