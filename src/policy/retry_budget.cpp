#include "policy/retry_budget.h"

namespace raglan::policy {

RetryBudget::Permit& RetryBudget::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  release();
  usage_ = std::exchange(other.usage_, nullptr);
  counter_ = other.counter_;
  return *this;
}

void RetryBudget::Permit::release() {
  if (auto* usage = std::exchange(usage_, nullptr)) {
    usage->with([this](Usage& live) { --(live.*counter_); });
  }
}

RetryBudget::Permit RetryBudget::begin_request() {
  usage_.with([](Usage& usage) { ++usage.requests; });
  return {usage_, &Usage::requests};
}

std::optional<RetryBudget::Permit> RetryBudget::try_acquire_retry() {
  const bool allowed = usage_.with([this](Usage& usage) {
    // A quotient and not a product: 29 of 100 is exactly 0.29.
    const bool within_ratio = usage.requests > 0 && static_cast<double>(usage.retries + 1) /
                                                            static_cast<double>(usage.requests) <=
                                                        config_.retry_ratio;
    const bool within = within_ratio || usage.retries < config_.min_retries;
    within ? ++usage.retries : ++usage.refused;
    return within;
  });
  if (!allowed) return std::nullopt;
  return Permit(usage_, &Usage::retries);
}

} // namespace raglan::policy
