// The retry budget in every order of events.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "policy/retry_budget.h"

namespace raglan::policy {
namespace {

using Permit = RetryBudget::Permit;

void end_one(std::vector<Permit>& live, Rng& rng) {
  if (live.empty()) return;
  std::swap(live[rng.below(live.size())], live.back());
  live.pop_back();
}

// One takes the place of another, which thereby ends.
void replace_one(std::vector<Permit>& live, Permit with, Rng& rng) {
  if (live.empty()) {
    live.push_back(std::move(with));
  } else {
    live[rng.below(live.size())] = std::move(with);
  }
}

// Ten thousand random schedules of requests and retries that begin, end and are moved about, with
// budgets of every ratio:
//   Ratio      beyond min_retries none is allowed that would make more of the live requests retries
//              than retry_ratio, and none is refused that would not
//   MinAlways  none is refused while fewer than min_retries live, however few requests do
//   Balanced   what the budget counts is what lives, at every moment, and nothing at the end
TEST(RetryBudgetSimulation, HoldsInEveryOrderOfEvents) {
  std::size_t beyond_min = 0; // retries that the ratio allowed
  std::size_t refused_in_all = 0;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    const std::size_t percent = rng.below(101);
    const std::size_t min_retries = rng.below(5);
    RetryBudget budget(
        {.retry_ratio = static_cast<double>(percent) / 100, .min_retries = min_retries});
    std::vector<Permit> requests;
    std::vector<Permit> retries;
    std::uint64_t refused = 0;
    for (int i = 0; i < 100; ++i) {
      switch (rng.below(8)) {
        case 0:
        case 1:
        case 2: requests.push_back(budget.begin_request()); break;
        case 3: end_one(requests, rng); break;
        case 4: end_one(retries, rng); break;
        case 5: replace_one(requests, budget.begin_request(), rng); break;
        default: {
          // In whole numbers: 29 of 100 is exactly 29 %.
          const bool in_ratio = 100 * (retries.size() + 1) <= percent * requests.size();
          const bool in_min = retries.size() < min_retries;
          std::optional<Permit> retry = budget.try_acquire_retry();
          if (in_min) {
            ASSERT_TRUE(retry) << "MinAlways, seed " << seed;
          } else {
            ASSERT_EQ(retry.has_value(), in_ratio) << "Ratio, seed " << seed;
          }
          if (!retry) {
            ++refused;
          } else {
            if (!in_min) ++beyond_min;
            retries.push_back(std::move(*retry));
          }
        }
      }
      const RetryBudget::Usage usage = budget.usage();
      ASSERT_EQ(usage.requests, requests.size()) << "Balanced, seed " << seed;
      ASSERT_EQ(usage.retries, retries.size()) << "Balanced, seed " << seed;
      ASSERT_EQ(usage.refused, refused) << "Balanced, seed " << seed;
    }
    requests.clear();
    retries.clear();
    ASSERT_EQ(budget.usage().requests, 0u) << "Balanced, seed " << seed;
    ASSERT_EQ(budget.usage().retries, 0u) << "Balanced, seed " << seed;
    refused_in_all += refused;
  }
  // Both sides of the ratio were seen.
  EXPECT_GT(beyond_min, 10'000u);
  EXPECT_GT(refused_in_all, 10'000u);
}

} // namespace
} // namespace raglan::policy
