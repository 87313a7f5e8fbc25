#include "auth/verified_tokens.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace raglan::auth {
namespace {

using namespace std::chrono_literals;

const WallTime kNow(1'800'000'000s);
const auto kKeys = std::make_shared<const KeySet>();

VerifiedToken of(std::string tenant, WallTime expires = kNow + 1min) {
  return {{.tenant = std::move(tenant)}, expires};
}

TEST(VerifiedTokens, ATokenCountsUntilItExpiresAndNotThen) {
  VerifiedTokens tokens;
  EXPECT_FALSE(tokens.find("a", kKeys, kNow));
  tokens.insert("a", kKeys, of("acme"));
  EXPECT_EQ(tokens.find("a", kKeys, kNow + 1min - 1ns)->tenant, "acme");
  EXPECT_FALSE(tokens.find("a", kKeys, kNow + 1min));
  EXPECT_FALSE(tokens.find("b", kKeys, kNow));
}

TEST(VerifiedTokens, OtherKeysHaveItVerifiedAnew) {
  VerifiedTokens tokens;
  tokens.insert("a", kKeys, of("acme"));
  const auto others = std::make_shared<const KeySet>();
  EXPECT_FALSE(tokens.find("a", others, kNow));
  tokens.insert("a", others, of("other"));
  EXPECT_EQ(tokens.find("a", others, kNow)->tenant, "other");
}

TEST(VerifiedTokens, AreBounded) {
  VerifiedTokens tokens;
  constexpr std::size_t kMany = 4 * VerifiedTokens::kMaxTokens;
  for (std::size_t i = 0; i < kMany; ++i) tokens.insert(fmt::format("t{}", i), kKeys, of("acme"));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    kept += tokens.find(fmt::format("t{}", i), kKeys, kNow) ? 1 : 0;
  }
  EXPECT_LE(kept, VerifiedTokens::kMaxTokens);
  EXPECT_GT(kept, 0u);
}

} // namespace
} // namespace raglan::auth
