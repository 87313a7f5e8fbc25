#include "loadtest/claims.h"

#include <set>

#include <gtest/gtest.h>

namespace raglan::loadtest {
namespace {

TEST(Claims, EachHasAnIdOfItsOwnAndAPromise) {
  std::set<std::string_view> ids;
  for (const Claim& claim : all_claims()) {
    EXPECT_TRUE(ids.insert(claim.id).second) << claim.id;
    EXPECT_EQ(claim.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._"), claim.id.npos)
        << claim.id;
    EXPECT_TRUE(claim.promise.min || claim.promise.max) << claim.id;
    EXPECT_FALSE(claim.promise.unit.empty()) << claim.id;
    EXPECT_FALSE(claim.text.empty()) << claim.id;
    EXPECT_TRUE(claim.measure) << claim.id;
  }
}

} // namespace
} // namespace raglan::loadtest
