#include "cache/purge_message.h"

#include <gtest/gtest.h>

namespace raglan::cache {
namespace {

void expect_back(const Selection& selection) {
  const auto back = parse_purge(purge_text({"query", selection}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->cache, "query");
  EXPECT_EQ(back->selection.key, selection.key);
  EXPECT_EQ(back->selection.scope, selection.scope);
  EXPECT_EQ(back->selection.tenant, selection.tenant);
}

TEST(PurgeMessage, ComesBackAsItWas) {
  expect_back({});
  expect_back({.key = hash128("a")});
  expect_back({.scope = 7});
  expect_back({.tenant = 7});
  expect_back({.key = hash128("a"), .tenant = 0xffff'ffff});
  expect_back({.key = hash128("a"), .scope = 0xffff'ffff'ffff'ffff});
}

TEST(PurgeMessage, WhatIsNoneSelectsNothing) {
  for (const auto* text : {"", "query", "query:*", "query:x:*", "query:*:12", "query:12 :*",
                           "query::", "query:12:*", "query:????????:*", "query:1????????:*"}) {
    EXPECT_FALSE(parse_purge(text)) << text;
  }
}

} // namespace
} // namespace raglan::cache
