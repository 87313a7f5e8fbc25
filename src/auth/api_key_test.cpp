#include "auth/api_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

NewApiKey made(std::optional<WallTime> expires = std::nullopt) {
  Identity identity{.tenant = "acme", .tier = policy::Tier::kVip};
  identity.scopes.add(Scope::kRead).add(Scope::kAdmin);
  return *make_api_key("ci", identity, expires, kNow);
}

TEST(ApiKey, SecretsAreAllDifferentAndKnownByTheirHashAlone) {
  const NewApiKey one = made();
  const NewApiKey two = made();
  EXPECT_NE(one.secret, two.secret);
  EXPECT_EQ(one.secret.size(), 47u); // 43 characters of 6 bits hold 256
  EXPECT_TRUE(is_api_key(one.secret));
  EXPECT_EQ(one.key.hash, hash_api_key(one.secret));
  EXPECT_THAT(api_key_json(one.key), testing::Not(testing::HasSubstr(one.secret.substr(8))));
  EXPECT_EQ(one.key.begins, one.secret.substr(0, 8));
}

TEST(ApiKey, WhatIsOfAnotherShapeIsNone) {
  const std::string secret = made().secret;
  EXPECT_FALSE(is_api_key(""));
  EXPECT_FALSE(is_api_key(secret.substr(1)));
  EXPECT_FALSE(is_api_key(secret + "A"));
  EXPECT_FALSE(is_api_key("sk_" + secret.substr(3)));
}

TEST(ApiKey, IsReadAsItWasStored) {
  const ApiKey key = made(kNow + 1h).key;
  const auto read = parse_api_key(key.id, "acme", api_key_json(key));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity, key.identity);
  EXPECT_EQ(read->hash, key.hash);
  EXPECT_EQ(read->name, "ci");
  EXPECT_EQ(read->begins, key.begins);
  EXPECT_EQ(read->created_at, kNow);
  EXPECT_EQ(read->expires, kNow + 1h);
  EXPECT_EQ(parse_api_key(key.id, "acme", api_key_json(made().key))->expires, std::nullopt);
}

TEST(ApiKey, DamagedOnesAreNobodys) {
  std::string json = api_key_json(made().key);
  EXPECT_FALSE(parse_api_key("x", "acme", ""));
  EXPECT_FALSE(parse_api_key("x", "acme", "{}"));
  EXPECT_FALSE(parse_api_key("x", "acme", json.substr(1)));
  EXPECT_FALSE(parse_api_key("x", "acme", json.replace(json.find("vip"), 3, "god")));
}

TEST(ApiKey, ASetFindsItsOwnUntilTheyExpire) {
  const NewApiKey one = made();
  const NewApiKey two = made(kNow + 1h);
  const ApiKeySet keys({one.key, two.key});
  EXPECT_EQ(keys.find(one.secret, kNow)->id, one.key.id);
  EXPECT_EQ(keys.find(two.secret, kNow + 1h - 1ns)->id, two.key.id);
  EXPECT_EQ(keys.find(two.secret, kNow + 1h), nullptr);
  EXPECT_EQ(keys.find(made().secret, kNow), nullptr);
  EXPECT_EQ(keys.find(one.key.hash, kNow), nullptr);
}

} // namespace
} // namespace raglan::auth
