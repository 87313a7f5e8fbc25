// Keeps retries from multiplying an outage: at any moment at most a share of an upstream's live
// requests may be retries, and a few always may.
//
// Envoy's retry budget: retries in flight < max(retry_ratio × live requests, min_retries), rounded
// down. Unlike a count per request it cannot amplify load by more than the ratio, however many
// requests fail at once. A retry is itself a live request, and holds a permit of each kind.
//
// Thread safety: every member may be called from any thread. A budget outlives its permits; one
// permit belongs to one thread at a time.
//
//   auto live = budget.begin_request();
//   ...                                         // the attempt failed
//   auto retry = budget.try_acquire_retry();
//   if (!retry) return failed;
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/guarded.h"
#include "config/table.h"

namespace raglan::policy {

struct RetryBudgetConfig {
  double retry_ratio = 0.2;    // of the live requests
  std::size_t min_retries = 3; // at a time, whatever the ratio says
};

inline void describe(config::Table<RetryBudgetConfig>& table) {
  using C = RetryBudgetConfig;
  table.ratio("retry_ratio", &C::retry_ratio, "share of live requests that may be retries");
  table.field("min_retries", &C::min_retries, "retries that are always allowed at a time");
}

class RetryBudget {
 public:
  struct Usage {
    std::size_t requests = 0;  // live, retries included
    std::size_t retries = 0;   // live
    std::uint64_t refused = 0; // retries so far that the budget did not allow
  };

  // Counts one live request, or one retry, for as long as it lives.
  class Permit {
   public:
    Permit(Permit&& other) noexcept
        : usage_(std::exchange(other.usage_, nullptr)), counter_(other.counter_) {}
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { release(); }

   private:
    friend class RetryBudget;
    Permit(Guarded<Usage>& usage, std::size_t Usage::* counter)
        : usage_(&usage), counter_(counter) {}
    void release();

    Guarded<Usage>* usage_; // null when moved from
    std::size_t Usage::* counter_;
  };

  explicit RetryBudget(RetryBudgetConfig config = {}) : config_(config) {}
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  [[nodiscard]] Permit begin_request();
  // Empty when the budget is spent.
  std::optional<Permit> try_acquire_retry();

  Usage usage() const {
    return usage_.with([](const Usage& usage) { return usage; });
  }

 private:
  const RetryBudgetConfig config_;
  Guarded<Usage> usage_;
};

} // namespace raglan::policy
