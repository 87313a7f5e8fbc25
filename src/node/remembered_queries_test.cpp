#include "node/remembered_queries.h"

#include <gtest/gtest.h>

namespace raglan::node {
namespace {

int parses = 0;

Result<ParsedQuery> counted(std::string_view body, const std::string& tenant, std::uint32_t top_k) {
  ++parses;
  return parse_query(body, tenant, top_k);
}

class RememberedQueriesTest : public ::testing::Test {
 protected:
  // The only question of a body; how often the parser ran for it so far.
  rag::QueryRequest ask(std::string_view body, const RememberedQueries::Reading& reading) {
    auto parsed = queries_.parse(body, reading);
    EXPECT_TRUE(parsed && parsed->requests.size() == 1);
    return parsed ? parsed->requests.front() : rag::QueryRequest();
  }
  int parses_since() const { return parses - before_; }

  RememberedQueries queries_;
  const RememberedQueries::Reading reading_{counted, "default", 5};

 private:
  const int before_ = parses;
};

TEST_F(RememberedQueriesTest, ARepeatedBodyIsParsedOnceAndSaysTheSame) {
  constexpr std::string_view kBody =
      R"({"query":"a question of some length","top_k":7,"filter":{"type":"eq","key":"tag","value":"a"}})";
  const auto first = ask(kBody, reading_);
  const auto again = ask(kBody, reading_);
  EXPECT_EQ(parses_since(), 1);
  EXPECT_EQ(again.query, "a question of some length");
  EXPECT_EQ(again.top_k, 7);
  EXPECT_EQ(again.filter_json, first.filter_json);
  EXPECT_EQ(again.filter.has_value(), first.filter.has_value());
}

TEST_F(RememberedQueriesTest, TenantDefaultAndParserAreToldApart) {
  constexpr std::string_view kBody = R"({"query":"q"})";
  EXPECT_EQ(ask(kBody, reading_).collection.tenant, "default");
  EXPECT_EQ(ask(kBody, {counted, "other", 5}).collection.tenant, "other");
  EXPECT_EQ(ask(kBody, {counted, "other", 9}).top_k, 9);
  EXPECT_EQ(ask(kBody, {parse_search, "other", 9}).mode, rag::QueryMode::kRetrieve);
  EXPECT_EQ(ask(kBody, {parse_query, "other", 9}).mode, rag::QueryMode::kAnswer);
}

TEST_F(RememberedQueriesTest, MoreBodiesThanPlacesAreAllAnsweredRightly) {
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 4 * RememberedQueries::kPlaces; ++i) {
      const std::string text = "question " + std::to_string(i);
      EXPECT_EQ(ask(R"({"query":")" + text + "\"}", reading_).query, text);
    }
  }
}

TEST_F(RememberedQueriesTest, ARefusedBodyIsRefusedAgain) {
  for (const std::string_view body : {"", "{", R"({"query":""})", R"({"question":"q"})"}) {
    const auto first = queries_.parse(body, reading_);
    const auto again = queries_.parse(body, reading_);
    ASSERT_FALSE(first || again) << body;
    EXPECT_EQ(first.error().code, again.error().code);
    EXPECT_EQ(first.error().message, again.error().message);
  }
}

TEST_F(RememberedQueriesTest, ALargeBodyIsNotKept) {
  const std::string body =
      R"({"query":")" + std::string(RememberedQueries::kMaxBodyBytes, 'q') + "\"}";
  ask(body, reading_);
  ask(body, reading_);
  EXPECT_EQ(parses_since(), 2);
}

} // namespace
} // namespace raglan::node
