#include "rag/query_key.h"

#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

Hash128 key_of(std::string query) {
  QueryRequest request;
  request.collection = {"default", "default"};
  request.query = std::move(query);
  return query_key(request, {}, {});
}

TEST(QueryKey, SpellingsThatDifferInWhiteSpaceOnlyShareAKey) {
  const Hash128 key = key_of("two words");
  for (const char* spelling :
       {" two words", "two words ", "two  words", "two\twords", "two\nwords", "two \t words",
        "\ttwo words", "two words\n", " two \v\f words \r"}) {
    EXPECT_EQ(key_of(spelling), key) << spelling;
  }
  for (const char* other :
       {"twowords", "Two words", "two words.", "two\xc2\xa0words", "words two"}) {
    EXPECT_NE(key_of(other), key) << other;
  }
}

TEST(QueryKey, ANormalQuestionIsNotCopied) {
  std::string buffer;
  for (const std::string_view query : {"", "a", "two words", "a b c"}) {
    EXPECT_EQ(normalise_query(query, buffer).data(), query.data()) << query;
    EXPECT_EQ(normalise_query(query), query);
  }
  for (const std::string_view query : {" ", " a", "a ", "a  b", "a\tb"}) {
    EXPECT_EQ(normalise_query(query, buffer).data(), buffer.data()) << query;
    EXPECT_EQ(buffer, normalise_query(query));
  }
}

} // namespace
} // namespace raglan::rag
