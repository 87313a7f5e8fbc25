#include "rag/hot_queries.h"

#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

QueryRequest question(std::string text) {
  QueryRequest request;
  request.query = std::move(text);
  return request;
}

void ask(HotQueries& hot, const std::string& text, int times) {
  for (int i = 0; i < times; ++i) hot.count(question(text));
}

TEST(HotQueries, TheMostAskedComesFirst) {
  HotQueries hot(10);
  ask(hot, "rare", 1);
  ask(hot, "often", 5);
  ask(hot, "sometimes", 3);
  const auto top = hot.top(2);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].request.query, "often");
  EXPECT_EQ(top[0].count, 5u);
  EXPECT_EQ(top[1].request.query, "sometimes");
}

TEST(HotQueries, WhatMakesAnotherAnswerIsAnotherQuestion) {
  HotQueries hot(10);
  QueryRequest one = question("same");
  hot.count(one);
  one.query = " same "; // but not white space
  hot.count(one);
  one.top_k = 9;
  hot.count(one);
  one.collection.tenant = "other";
  hot.count(one);
  one.mode = QueryMode::kRetrieve;
  hot.count(one);
  one.filter_json = "{}";
  hot.count(one);
  EXPECT_EQ(hot.top(10).size(), 5u);
}

TEST(HotQueries, AreAskedAgainWithoutTheFirstAskersWishes) {
  HotQueries hot(10);
  QueryRequest one = question("same");
  one.cache = CacheMode::kRefresh;
  one.explain = true;
  one.deadline = Deadline(MonotonicTime(Duration(1)));
  hot.count(one);
  const QueryRequest again = hot.top(1)[0].request;
  EXPECT_EQ(again.cache, CacheMode::kUse);
  EXPECT_FALSE(again.explain);
  EXPECT_TRUE(again.deadline.never());
}

// Space-Saving's bound: a scan of new questions does not displace one asked more often than
// total/capacity.
TEST(HotQueries, AScanDoesNotDisplaceAFavourite) {
  HotQueries hot(10);
  ask(hot, "favourite", 30);
  for (int i = 0; i < 200; ++i) ask(hot, "scan " + std::to_string(i), 1);
  EXPECT_EQ(hot.top(1)[0].request.query, "favourite");
  EXPECT_EQ(hot.top(100).size(), 10u);
}

TEST(HotQueries, OldFavouritesFade) {
  HotQueries hot(4);
  ask(hot, "old", static_cast<int>(4 * HotQueries::kHalving) - 1);
  EXPECT_EQ(hot.top(1)[0].count, 4 * HotQueries::kHalving - 1);
  ask(hot, "old", 1);
  EXPECT_EQ(hot.top(1)[0].count, 2 * HotQueries::kHalving);
}

TEST(HotQueries, WithoutCapacityNothingIsCounted) {
  HotQueries hot(0);
  ask(hot, "a", 3);
  EXPECT_TRUE(hot.top(10).empty());
}

} // namespace
} // namespace raglan::rag
