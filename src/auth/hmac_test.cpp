#include "auth/hmac.h"

#include <gtest/gtest.h>

#include "auth/random_bytes.h"
#include "base/hex.h"

namespace raglan::auth {
namespace {

std::string hex(const std::string& bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// RFC 4231, test cases 1 and 2.
TEST(Hmac, IsThatOfTheRfc) {
  EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hmac, SecretsAreTheSameOrNot) {
  EXPECT_TRUE(is_same_secret("abc", "abc"));
  EXPECT_TRUE(is_same_secret("", ""));
  for (const std::string_view other : {"abd", "ab", "abcd", ""}) {
    EXPECT_FALSE(is_same_secret("abc", other)) << other;
  }
}

TEST(RandomBytes, AreAsManyAndOthersEachTime) {
  const auto one = random_bytes(32);
  const auto other = random_bytes(32);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->size(), 32u);
  EXPECT_NE(*one, *other);
}

} // namespace
} // namespace raglan::auth
