#include "model/openai_embeddings.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "base/json_text.h"

namespace raglan::model {
namespace {

namespace json = boost::json;

const Embeddings kTwo{2, {0.6F, 0.8F, 1, 0}, 7};

std::string error_of(std::string_view reply, std::size_t texts = 1, std::size_t dimension = 0) {
  const auto read = read_embeddings_reply(reply, texts, dimension);
  if (read) return "";
  EXPECT_EQ(read.error().code, ErrorCode::kUpstream);
  return read.error().message;
}

TEST(OpenAiEmbeddings, ARequestNamesModelTextsAndDimension) {
  const json::value body = json::parse(embeddings_request("m", {"one", "\"two\"\n"}, 64));
  EXPECT_EQ(body, json::parse(R"({"model":"m","encoding_format":"base64","dimensions":64,
                                  "input":["one","\"two\"\n"]})"));
  EXPECT_FALSE(
      json::parse(embeddings_request("m", {"one"}, 0)).get_object().contains("dimensions"));
}

TEST(OpenAiEmbeddings, AReplyReadsBackInBothEncodings) {
  for (const bool base64 : {false, true}) {
    const std::string reply = json_text(embeddings_reply(kTwo, "m", base64));
    const auto read = read_embeddings_reply(reply, 2, 2);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->values, kTwo.values);
    EXPECT_EQ(read->dimension, 2u);
    EXPECT_EQ(read->tokens, 7u);
  }
}

TEST(OpenAiEmbeddings, VectorsGoWhereTheirIndexSays) {
  const auto read = read_embeddings_reply(
      R"({"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}]})", 2, 0);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->values, (std::vector<float>{1, 0, 0, 1}));
  EXPECT_EQ(read->tokens, 0u);
}

TEST(OpenAiEmbeddings, WithoutIndexesTheOrderCounts) {
  const auto read =
      read_embeddings_reply(R"({"data":[{"embedding":[0,1]},{"embedding":[1,0]}]})", 2, 2);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->values, (std::vector<float>{0, 1, 1, 0}));
}

TEST(OpenAiEmbeddings, VectorsAreBroughtToLengthOne) {
  const auto read =
      read_embeddings_reply(R"({"data":[{"index":0,"embedding":[3e20,-4e20]}]})", 1, 2);
  ASSERT_TRUE(read);
  EXPECT_FLOAT_EQ(read->values[0], 0.6F);
  EXPECT_FLOAT_EQ(read->values[1], -0.8F);
}

TEST(OpenAiEmbeddings, WhatIsNoReplyIsRefused) {
  EXPECT_EQ(error_of("{\"data\":[{"), "the embedding provider's answer is not JSON");
  for (const char* reply : {"[]", "{}", "null", R"({"data":{}})"}) {
    EXPECT_EQ(error_of(reply), "the embedding provider's answer has no list of vectors");
  }
}

TEST(OpenAiEmbeddings, AnotherNumberOfVectorsIsRefused) {
  const std::string reply = json_text(embeddings_reply(kTwo, "m", true));
  const std::string wrong = "the embedding provider's answer has a wrong number of vectors";
  EXPECT_EQ(error_of(reply, 1), wrong);
  EXPECT_EQ(error_of(reply, 3), wrong);
}

TEST(OpenAiEmbeddings, IndexesThatRepeatOrPointOutsideAreRefused) {
  for (const char* second : {"0", "2", "-1", "1.5", "\"1\"", "18446744073709551615"}) {
    const std::string reply = std::string(R"({"data":[{"index":0,"embedding":[1]},{"index":)") +
                              second + R"(,"embedding":[1]}]})";
    EXPECT_EQ(error_of(reply, 2), "the embedding provider's answer has wrong indexes") << second;
  }
}

TEST(OpenAiEmbeddings, AnotherDimensionIsRefused) {
  const std::string wrong = "the embedding provider's answer has vectors of a wrong dimension";
  EXPECT_EQ(error_of(R"({"data":[{"embedding":[1,0]}]})", 1, 3), wrong);
  EXPECT_EQ(error_of(R"({"data":[{"embedding":[]}]})", 1, 0), wrong);
  EXPECT_EQ(error_of(R"({"data":[{"embedding":[1,0]},{"embedding":[1]}]})", 2, 0), wrong);
}

TEST(OpenAiEmbeddings, WhatIsNoVectorIsRefused) {
  for (const char* vector :
       {"null", "1", "{}", R"([1,"2"])", R"([1,null])", R"("####")", R"("AAA=")"}) {
    const std::string reply = std::string(R"({"data":[{"embedding":)") + vector + "}]}";
    EXPECT_EQ(error_of(reply), "the embedding provider's answer has an entry that is no vector")
        << vector;
  }
  EXPECT_NE(error_of(R"({"data":[7]})"), "");
}

TEST(OpenAiEmbeddings, AVectorWithoutADirectionIsRefused) {
  const std::string wrong = "the embedding provider's answer has a vector without a direction";
  EXPECT_EQ(error_of(R"({"data":[{"embedding":[0,0]}]})"), wrong);
  EXPECT_EQ(error_of(R"({"data":[{"embedding":[1e999,0]}]})"), wrong);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of(json_text(embeddings_reply({2, {nan, 1}, 0}, "m", true))), wrong);
}

} // namespace
} // namespace raglan::model
