// What holds for every wait, whatever is set and whatever the upstream says.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include "base/rng.h"
#include "policy/backoff.h"

namespace raglan::policy {
namespace {

using std::chrono::milliseconds;

// Ten thousand random settings, and forty waits of each; some upstreams say when to come back, and
// some of those name a time that is over:
//   Bounds      the nth wait is at most min(max_backoff, base_backoff × 2^n), and never negative
//   RetryAfter  where the upstream names a time it is no sooner, and later by no more than that
//   Full        the waits fill their range: each tenth of it has a tenth of them
TEST(BackoffProperty, HoldsWhateverIsSetAndSaid) {
  constexpr int kWaits = 40;
  constexpr std::size_t kParts = 10;
  std::array<std::size_t, kParts> parts{};
  std::size_t waits = 0;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    BackoffConfig config;
    config.base_backoff = milliseconds(1 + rng.below(1'000));
    // Up to an hour, most of them short.
    const std::uint64_t longest = rng.below(4) == 0 ? 3'600'000 : 10'000;
    const auto further = static_cast<milliseconds::rep>(rng.below(longest));
    config.max_backoff =
        std::min(config.base_backoff + milliseconds(further), milliseconds(std::chrono::hours(1)));
    Backoff backoff(config);
    for (int n = 0; n < kWaits; ++n) {
      std::optional<Duration> retry_after;
      if (rng.below(3) == 0) {
        const auto said = static_cast<milliseconds::rep>(rng.below(100'000));
        retry_after = milliseconds(said - 10'000);
      }
      const Duration least = std::max(retry_after.value_or(Duration::zero()), Duration::zero());
      const double ceiling = std::min(to_milliseconds(config.max_backoff),
                                      std::ldexp(to_milliseconds(config.base_backoff), n));
      const Duration wait = backoff.next(rng, retry_after);
      ASSERT_GE(wait, Duration::zero()) << "Bounds, seed " << seed;
      ASSERT_GE(wait, least) << "RetryAfter, seed " << seed;
      const double jitter = to_milliseconds(wait - least);
      ASSERT_LE(jitter, ceiling) << (retry_after ? "RetryAfter" : "Bounds") << ", seed " << seed;
      const auto part = static_cast<std::size_t>(jitter / ceiling * kParts);
      ++parts[std::min(part, kParts - 1)];
      ++waits;
    }
  }
  for (const std::size_t count : parts) {
    EXPECT_NEAR(static_cast<double>(count) / static_cast<double>(waits), 1.0 / kParts, 0.01)
        << "Full";
  }
}

} // namespace
} // namespace raglan::policy
